"""Commands for which a user signs in to headquarters. The user has the same rights as on headquarters' web pages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from zoneinfo import ZoneInfo

import typer

from dialer.cli.group import CommandGroup
from dialer.cli.options import HeadquartersOptions, read_argument_or_stdin, require_installed_package_extra
from dialer.domain.errors import CommandRefused

if TYPE_CHECKING:
    from dialer.hq.proposals import ProposalAnswer, Proposals, WaitingProposal
    from dialer.web.people import People, SignedInUser

T = TypeVar("T")

proposal_app = CommandGroup(help="List, confirm and decline proposals of other users of headquarters.")
_Id = Annotated[int, typer.Argument(metavar="ID", help="The proposal's ID (see `dialer hq proposal list`).", min=1)]
_REFUSALS = {
    "wrong": "the user {user} is not signed in: no account has this name and password; see `dialer hq user list`",
    "once": "the user {user} has a one-time password: sign in on headquarters' pages and choose another first",
    "expired": "the one-time password of {user} has expired: `dialer hq user password {user}` makes another",
    "signed-out": "the account {user} was removed or changed: see `dialer hq user list`, then run the command again",
    "role": "the role of the user {user} does not allow this: see `dialer hq user list`",
    "other-zone": "these centres do not exist, or are outside the zone of the user {user}",
    "not-approved": "this version is not approved: media and compliance must sign it first (`dialer hq bundle sign`)",
    "no-proposal": "no proposal with this ID waits in the zone of {user}: see `dialer hq proposal list`",
    "own-proposal": "the user {user} made this proposal: another user must confirm or decline it",
    "proposal-expired": "the proposal has expired, because nobody answered it within a day: propose it again",
    "no-rollout": "the rollout has ended, or its confirmation is older than a day: run `dialer hq bundle waves` again",
}
"""Why the pages' code refuses a user, by its problem code. {user} is the name of the account."""


@dataclass(frozen=True)
class HqSession:
    """A user's sign-in at headquarters' pages for the duration of one command."""

    proposals: Proposals
    _people: People
    _token: str

    async def find_signed_in_user(self) -> SignedInUser:
        """Return the signed-in user, with the role that the user's account has now.

        Raises RequestRefused if the account was removed or changed.
        """
        from dialer.web.refusals import RequestRefused

        await self._people.directory.reread_stored_users()
        user = await self._people.find_user_of_session(self._token)
        if user is None:
            raise RequestRefused(401, "signed-out")
        return user


@dataclass(frozen=True)
class AccountOptions(HeadquartersOptions):
    """The options that select a headquarters and the account with which the command signs in."""

    user: Annotated[
        str, typer.Option("--as", metavar="USER", help="Your account of headquarters' pages. Its rights apply.")
    ]
    password: Annotated[
        str,
        typer.Option("--password", metavar="-", help="Read its password from standard input. [default: ask]"),
    ] = ""

    def call_function_as_signed_in_user(self, work: Callable[[HqSession], Coroutine[Any, Any, T]]) -> T:
        """Sign the user in at headquarters, call the function `work`, and sign the user out. Return the function's
        result.

        Raises CommandRefused if headquarters refuses the sign-in or an action of the function.
        """
        import asyncio

        if self.password not in {"", "-"}:
            raise typer.BadParameter(
                "--password: must be '-', which reads standard input; a password would stay in the shell's history"
            )
        with require_installed_package_extra("hq,desk"):
            from dialer.hq import desk  # noqa: F401 - of an extra
        # Asked here, as Ctrl-C cannot end a prompt in an event loop.
        password = (
            read_argument_or_stdin("-", "the password")
            if self.password
            else typer.prompt(f"password of {self.user}", hide_input=True, err=True)
        )

        async def sign_in_and_call_function() -> T:
            async with self._sign_in_as_account_user(password) as session:
                return await work(session)

        with _convert_page_refusals_to_command_errors(self.user):
            return asyncio.run(sign_in_and_call_function())

    @asynccontextmanager
    async def _sign_in_as_account_user(self, password: str) -> AsyncIterator[HqSession]:
        from dialer.domain.clock import SystemClock
        from dialer.hq.desk import open_user_accounts
        from dialer.hq.proposals import Proposals

        async with open_user_accounts(self.headquarters_settings, SystemClock()) as (db, accounts, people, _):
            token = await people.sign_in_with_password(self.user, password)
            try:
                yield HqSession(Proposals(self.headquarters_settings, db, accounts), people, token)
            finally:
                await people.end_session(token)


@contextmanager
def _convert_page_refusals_to_command_errors(user: str) -> Iterator[None]:
    """Raise CommandRefused, with an explanation, if headquarters' pages refuse an action in the `with` block."""
    from dialer.web.people import NotSignedIn
    from dialer.web.refusals import RequestRefused

    try:
        yield
    except (NotSignedIn, RequestRefused) as refused:
        text = _REFUSALS.get(str(refused), "the user {user} was refused ({problem}): try again later")
        raise CommandRefused(text.format(user=user, problem=refused)) from refused


def describe_pending_proposal(proposal: WaitingProposal) -> str:
    """Return a line that names a proposed change, and says how another user confirms it."""
    return (
        f"proposal {proposal.id} of {proposal.proposed_by} waits for another user, who confirms it on headquarters' pages"
        f" or with `dialer hq proposal confirm {proposal.id}`, within a day"
    )


@proposal_app.command("list")
def list_pending_proposals(account: AccountOptions) -> None:
    """List proposed changes for centres of your zone: all open ones, and those of the last week.

    Another user must confirm each proposed change.
    """

    async def print_proposed_changes(session: HqSession) -> None:
        zone = ZoneInfo(account.headquarters_settings.gather.time_zone)
        for each in await session.proposals.list_proposals(await session.find_signed_in_user()):
            at = datetime.fromtimestamp(each.proposed_at, zone)
            answer = f" by {each.answered_by}" if each.answered_by else ""
            typer.echo(
                f"{each.id:>6}  {each.kind:<8}  {each.text} to {each.to}, proposed by {each.proposed_by}, {at:%Y-%m-%d %H:%M}:"
                f" {each.state}{answer}{f' ({each.result})' if each.result else ''}"
            )

    account.call_function_as_signed_in_user(print_proposed_changes)


@proposal_app.command("confirm")
def confirm_proposed_change(proposal_id: _Id, account: AccountOptions) -> None:
    """Confirm a change that another user has proposed.

    Campaign material is assigned to the centres at once. Exit 1 if it could not be assigned.
    """
    _confirm_or_decline_proposed_change(account, proposal_id, confirm=True)


@proposal_app.command("decline")
def decline_proposed_change(proposal_id: _Id, account: AccountOptions) -> None:
    """Decline a change that another user has proposed."""
    _confirm_or_decline_proposed_change(account, proposal_id, confirm=False)


def _confirm_or_decline_proposed_change(account: AccountOptions, proposal_id: int, *, confirm: bool) -> None:
    async def answer_proposal(session: HqSession) -> ProposalAnswer:
        return await session.proposals.answer_proposal(
            proposal_id, await session.find_signed_in_user(), confirm=confirm
        )

    answer = account.call_function_as_signed_in_user(answer_proposal)
    typer.echo(f"proposal {proposal_id}: {answer.state}{f' ({answer.result})' if answer.result else ''}")
    if answer.state == "failed":
        raise typer.Exit(1)
