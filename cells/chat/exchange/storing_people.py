"""People come in: by their ids of old, or as who has their address here already."""

from collections.abc import Sequence
from dataclasses import replace

from cells.chat.domain.addresses.planning import plan_report
from cells.chat.domain.bots.repository import Bot, Bots
from cells.chat.domain.imports.past import Past
from cells.chat.domain.users.events import user_joined_team
from cells.chat.domain.users.repository import Users
from cells.chat.domain.users.user import User
from cells.chat.exchange.batches import Batch
from cells.chat.exchange.people import SLACKBOT, USER_ID, Names, missing_user
from cells.chat.exchange.tally import Tally
from cells.runtime.log import Transaction
from chassis.identity import AppId, BotId

NO_APP = AppId("A00000000000")
"""Of bots whose app the export does not name."""


async def store_users(tx: Transaction, users: Sequence[User], tally: Tally) -> None:
    """Who is here already, by id or by address, stays as they are."""
    wanted = list({user.user_id: user for user in users}.values())
    if not wanted:
        return
    here = await Users(tx.connection, tx.scope).get_many([user.user_id for user in wanted])
    by_email = await Past(tx.connection, tx.scope).by_email([user.email for user in wanted if user.email])
    fresh: list[User] = []
    for user in wanted:
        twin = by_email.get((user.email or "").lower())
        if user.user_id in here:
            tally.count("users_already_here")
        elif twin is not None:
            tally.mapping.ids[user.user_id] = twin
            tally.count("users_matched")
            tally.note("user", f"{user.user_id} {user.name}", f"is {twin} here already, who has the same address")
        else:
            by_email[(user.email or user.user_id).lower()] = user.user_id
            fresh.append(user)
    await _insert(tx, fresh, tally)
    tally.count("users", len(fresh))


async def store_strangers(tx: Transaction, batch: Batch, known: frozenset[str], tally: Tally) -> None:
    """Those who are spoken of and are nowhere."""
    unknown = sorted(id_ for id_ in batch.people - known - {user.user_id for user in batch.users} if USER_ID.fullmatch(id_))
    if not unknown:
        return
    here = await Users(tx.connection, tx.scope).get_many(unknown)
    profiles = batch.profiles
    strangers = [missing_user(user_id, profiles.get(user_id)) for user_id in unknown if user_id not in here]
    strangers = [replace(user, email=None) for user in strangers]
    await _insert(tx, strangers, tally)
    for user in strangers:
        if user.user_id != SLACKBOT:
            tally.count("users_missing")
            tally.note("user", user.user_id, "is not in users.json; kept as a deactivated user")


async def _insert(tx: Transaction, fresh: Sequence[User], tally: Tally) -> None:
    if not fresh:
        return
    await plan_report(tx)
    users, team_id = Users(tx.connection, tx.scope), tx.scope.workspace_id
    names = Names(await Past(tx.connection, tx.scope).names_among([user.name for user in fresh]))
    for user in fresh:
        name = await _free_name(tx, names, user, tally)
        now_us = tx.next_ts_us()
        stored = replace(user, name=name, created_us=user.created_us or now_us, updated_us=user.updated_us or now_us)
        await users.insert(stored)
        tx.append(user_joined_team(stored, team_id))
        if stored.bot_id:
            await Bots(tx.connection, tx.scope).insert(_bot_of(stored, stored.bot_id))


def _bot_of(user: User, bot_id: BotId) -> Bot:
    return Bot(bot_id, user.app_id or NO_APP, user.user_id, user.real_name, user.created_us)


async def _free_name(tx: Transaction, names: Names, user: User, tally: Tally) -> str:
    """A name that had to be made up may be somebody's as well."""
    name = names.free(user.name)
    while name != user.name and await Past(tx.connection, tx.scope).names_among([name]):
        name = names.free(user.name)
    if name != user.name:
        tally.note("user", f"{user.user_id} {user.name}", f"is called {name} here: the name is another's")
    return name
