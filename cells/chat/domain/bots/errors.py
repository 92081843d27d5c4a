from cells.chat.domain.errors import DomainError


class BotNotFound(DomainError):
    code = "bot_not_found"
