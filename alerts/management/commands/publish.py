"""`manage.py publish FILE`: an advisory from a JSON file, published. Its reference is the last word printed."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from alerts.management.files import advisory_in
from alerts.management.people import advisory_of, person_of
from alerts.officers import issuer_of
from alerts.publishing.contract import NotUnderstood
from alerts.publishing.draft import from_file, update_from_file
from alerts.publishing.publish import publish_draft
from departments.refusal import Refused

# Said and not refused: a file of the keys that scripts know from the beginning stays an update.
UNSAID = (
    "what_changed: is missing in the file. Whoever was told before hears that the advice is updated, and not what is "
    "different: say it in a sentence there."
)


class Command(BaseCommand):
    """Publishes an advisory, or the next revision of one."""

    help = "Publish an advisory from a JSON file; the last word printed is its reference."

    def add_arguments(self, parser: CommandParser) -> None:
        """The contract's words."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--as", dest="officer", required=True, metavar="EMAIL", help="the officer who submits it")
        signed = parser.add_mutually_exclusive_group(required=True)
        signed.add_argument("--approved-by", metavar="EMAIL", help="the second officer, who approves it")
        signed.add_argument("--alone", metavar="REASON", default="", help="publish without a second officer, because")
        parser.add_argument("--accept-gaps", metavar="REASON", default="", help="leave out who will not hear, because")
        parser.add_argument("--update", metavar="REFERENCE", help="publish it as the next revision of this advisory")
        weight = parser.add_mutually_exclusive_group()
        weight.add_argument("--material", action="store_true", help="an update that everybody is asked about again")
        weight.add_argument("--minor", action="store_true", help="an update that informs only")

    def handle(self, *args: Any, **options: Any) -> None:
        """Read, draft and publish in one transaction: all of it, or nothing and a sentence."""
        data = advisory_in(options["file"])
        officer = person_of(options["officer"])
        approver = person_of(options["approved_by"]) if options["approved_by"] else officer
        if options["approved_by"] and approver == officer:
            raise CommandError("--approved-by must be somebody else than --as; or publish --alone with a reason.")
        if options["update"] and not (options["material"] or options["minor"]):
            raise CommandError("--update wants --material (everybody is asked again) or --minor (it informs).")
        if (options["material"] or options["minor"]) and not options["update"]:
            raise CommandError("--material and --minor go with --update REFERENCE.")
        try:
            with transaction.atomic():
                issuer = issuer_of(officer)
                if options["update"]:
                    advisory = advisory_of(options["update"])
                    draft = update_from_file(advisory, data, officer, material=options["material"])
                else:
                    draft = from_file(data, officer, issuer)
                revision = publish_draft(
                    draft, approver, alone_reason=options["alone"], accept_gaps=options["accept_gaps"]
                )
        except (NotUnderstood, Refused) as error:
            raise CommandError(f"Not published.\n{error}") from None
        if options["update"] and not revision.content["what_changed"]:
            self.stderr.write(UNSAID)
        reach = revision.preview
        nobody = sum(1 for gap in reach.get("gaps", []) if gap["kind"] in ("nobody", "bouncing"))
        self.stdout.write(f"{reach.get('people', 0):,} people in {reach.get('bodies', 0):,} bodies will be told.")
        if nobody:
            self.stdout.write(f"{nobody:,} of these bodies have nobody who can be told.")
        self.stdout.write(f"Published revision {revision.number} of {revision.advisory.reference}")
