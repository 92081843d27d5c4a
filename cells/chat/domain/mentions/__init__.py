"""Who a message calls: read out of it once, when it is posted."""
