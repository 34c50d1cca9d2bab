"""The nouns of a warning's journey, in the order in which it meets them."""

from alerts.models.acknowledgement import Acknowledgement, ActionAnswer
from alerts.models.advisory import Advisory, Draft, Look, Marking, Office, Rule, Severity, State
from alerts.models.audience import AudienceRole, AudienceTopic, Branch, Exclusion, Gap, Named
from alerts.models.call import Call
from alerts.models.chase import ChaseStep, Clock, Escalation, Nudge
from alerts.models.citation import Citation
from alerts.models.code import Code
from alerts.models.contact_check import ContactCheck
from alerts.models.counter import Counter, Delta, Tide, Whole
from alerts.models.letter import Letter
from alerts.models.link_key import LinkKey
from alerts.models.message import Batch, Message
from alerts.models.recipient import Recipient, Seat
from alerts.models.record import Heartbeat, Record
from alerts.models.referral import Referral
from alerts.models.relay import Note, Relay
from alerts.models.reply import Reply
from alerts.models.revision import Action, Revision
from alerts.models.route import Route
from alerts.models.tracking import Canary, TrackingEvent
from alerts.models.trouble import Trouble

__all__ = [
    "Acknowledgement",
    "Action",
    "ActionAnswer",
    "Advisory",
    "AudienceRole",
    "AudienceTopic",
    "Batch",
    "Branch",
    "Call",
    "Canary",
    "ChaseStep",
    "Citation",
    "Clock",
    "Code",
    "ContactCheck",
    "Counter",
    "Delta",
    "Draft",
    "Escalation",
    "Exclusion",
    "Gap",
    "Heartbeat",
    "Letter",
    "LinkKey",
    "Look",
    "Marking",
    "Message",
    "Named",
    "Note",
    "Nudge",
    "Office",
    "Recipient",
    "Record",
    "Referral",
    "Relay",
    "Reply",
    "Revision",
    "Route",
    "Rule",
    "Seat",
    "Severity",
    "State",
    "Tide",
    "TrackingEvent",
    "Trouble",
    "Whole",
]
