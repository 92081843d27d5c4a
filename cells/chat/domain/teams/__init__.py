"""The workspace as its people see it: a name, a domain, an owner, a general channel."""
