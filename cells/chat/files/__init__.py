"""Bytes: where files lie, how they come in and go out, what is made of them. Rules and rows are in `cells.chat.domain.files`."""
