"""What people saved for later (https://api.slack.com/methods/stars.add)."""
