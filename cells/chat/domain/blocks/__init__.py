"""Block Kit as messages may use it (https://api.slack.com/reference/block-kit): what is allowed, and where it is not, which part."""
