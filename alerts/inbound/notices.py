"""What mail systems and programs add to a mail by themselves: notices below whatever leaves, warnings above what comes in.

Whole sentences that are known, and no others: whoever writes "this email was not intended for me" says something, and what is
not known stays for people to read. What a person writes between such sentences, or in the same line, stays as well.
"""

import re

from alerts.spelling import lines

_MAIL = r"(?:e-?mail(?: message)?|message|communication|transmission|document|information)"
_THIS = rf"(?:(?:this|the) {_MAIL}(?: (?:contained )?in this {_MAIL})?|it)"
_FILES = (
    r"(?:,? (?:and|including|together with) (?:any|all|its)(?: of its)? (?:files|attachments|attached files)"
    r"(?: (?:transmitted|sent) with it)?,?)?"
)
_PRIVATE = r"(?:strictly |legally )?(?:confidential|private|privileged|proprietary)(?: information)?"
_IS_PRIVATE = rf"{_PRIVATE}(?:(?:,? and|,? or|,? and/or|,) {_PRIVATE})*"
_READERS = (
    r"(?:the )?(?:(?:sole |exclusive )?(?:use|attention|information) (?:of|by) )?(?:the )?(?:named |intended )?"
    r"(?:individuals?|persons?|people|recipients?|recipient\(s\)|addressees?|addressee\(s\))(?: or (?:entity|entities))?"
    r"(?: named above| to (?:whom|which) (?:it is|they are) addressed)?"
)
_FOR = rf"(?:is |are )?(?:(?:intended|meant) )?(?:solely |only |exclusively )?(?:for|to) {_READERS}"
# Of these alone is made what follows an opening that no person writes.
_LEGAL = r"(?:,?;? \(?(?:{})\)?)"
_DUTY = _LEGAL.format(
    "please|notify|inform|contact|tell|advise|alert|let|know|return|reply|replying|the|sender|originator|author|system|manager"
    r"|administrator|us|immediately|at|once|by|return|e-?mail|mail|message|telephone|phone|and|or|then|permanently|delete"
    r"|deleting|destroy|erase|remove|it|this|that|these|all|any|copies|copy|from|your|systems?|computer|mailbox|inbox|you|must"
    r"|should|may|are|not|read|use|disclose|distribute|disseminate|forward|print|retain|store|rely|on|upon|take|taken|action|in"
    r"|reliance|its|their|contents?|attachments?|information|to|for|anyone|anybody|else|other|person|do|doing|so|is|be|strictly"
    r"|prohibited|unauthori[sz]ed|unlawful|permitted|forbidden|have|received|error|of|with|an|disclosure|copying|distribution"
)
_FATE = _LEGAL.format(
    r"use|disclosure|copying|storage|distribution|dissemination|reproduction|review|and|or|of|it|this|its|the|e-?mail|message"
    r"|contents?|information|by|anyone|other|than|intended|recipients?|is|are|be|may|strictly|prohibited|not permitted"
    r"|forbidden|unlawful|unauthori[sz]ed"
)
_CARE = _LEGAL.format(
    r"but|no|liability|responsibility|is|can|be|accepted|for|any|damage|loss|caused|by|virus|viruses|transmitted|through|this|the"
    r"|e-?mail|message|and|or|its|attachments?|use|of|in|from|arising|routinely|may|recorded|retained|stored|monitored|compliance"
    r"|with|our|policy|on|electronic|communications|lawful|purposes|security|reasons"
)
_NAMED = r"(?-i:(?: (?:[A-Z][\w'-]*|of|and|for|the|in|&)){1,12})"
_DAY = r"(?:mon|tues|wednes|thurs|fri)(?:day)?s?"

# With one blank for any, in any letters.
SENTENCES = (
    # Headings, which stand before the rest.
    r"(?:uk parliament |e-?mail |legal )?disclaimer",
    r"(?:confidentiality|legal|privacy|important|security) (?:notice|note)",
    r"(?:caution|warning|attention|notice|external(?: e-?mail| sender| message)?)",
    # Whose a mail is, and what to do with somebody else's.
    rf"{_THIS}{_FILES} (?:is|are|may be|contains?|may contain) {_IS_PRIVATE}(?:,? and {_FOR}| {_FOR}|,? {_FOR})?",
    rf"{_THIS}{_FILES} (?:is|are) {_FOR}(?: and (?:is|are|may be|contains?|may contain) {_IS_PRIVATE})?",
    rf"if you (?:have received|receive) (?:this|it)(?: {_MAIL})? (?:in error|by mistake){_DUTY}+",
    rf"if you are not (?:the|an) (?:intended|named) (?:recipient|addressee)s?{_DUTY}+",
    rf"(?:any|its unauthori[sz]ed|any unauthori[sz]ed) (?:use|disclosure|copying|storage|distribution|dissemination){_FATE}+",
    # What became of it on its way.
    rf"{_THIS}{_FILES} (?:has|have) been (?:checked|scanned|swept) for (?:computer )?(?:viruses|malware){_CARE}*",
    rf"(?:all |incoming and outgoing )?(?:e-?mails?|messages|communications) (?:may|are|will)(?: be)?{_CARE}+",
    r"this e-?mail address is not secure(?:,? is not encrypted)?"
    r"(?:,? and should not be used for sensitive (?:data|information))?",
    rf"any (?:views|opinions)(?: or opinions)? expressed(?: by the sender)?(?: (?:in|of) this {_MAIL})? are not necessarily"
    rf" those of{_NAMED}",
    # What programs ask for.
    r"please (?:consider|think of) the environment before (?:printing|you print)(?: this e-?mail)?",
    r"please excuse (?:my |the |any )?(?:brevity|typos|errors)(?: (?:and|or) (?:any )?(?:brevity|typos|errors))?",
    r"follow (?:us|me) on (?:twitter|x|linkedin|facebook)(?::? \S{1,80})?",
    # When somebody works.
    r"i work (?:flexibly|part[ -]time)(?:,? (?:and|so)(?: i)? (?:do not|don't) expect an? (?:answer|reply|response)"
    r"(?: at night| out of hours| outside (?:of )?(?:your )?(?:normal |own )?working hours)?)?",
    rf"my (?:normal |usual )?working (?:days|hours) are {_DAY}(?:(?:,| to| and|,? \u2013| -)? {_DAY})*",
    # What stands above a mail from elsewhere.
    r"this (?:e-?mail|message) (?:is|was sent|has been sent|originated|originates|came|comes) from"
    r" (?:an external (?:sender|source)"
    r"|(?:someone |somebody )?outside(?: of)?(?: (?:the|your|our))?(?: (?:organi[sz]ation|department|company|network))?)",
    r"(?:please )?do not click(?: on)?(?: any)? links(?: or|,) open(?: any)? attachments(?: unless you"
    r" (?:recogni[sz]e|know|trust) the sender(?: and (?:know|are sure) (?:that )?the content is safe)?)?",
    r"you don't often get e-?mail from \S{3,100}",
    r"learn why this is important\S{0,100}",
)
# Each whole: from where a line or a sentence begins to where one ends.
_NOTICE = re.compile(
    r"(?:^|(?<=[.;:!)]))[ \t]*[*_\"\[(]*(?:"
    + "|".join(SENTENCES).replace(" ", r"\s+")
    + r")[*_\"\])]*[ \t]*(?:[.;:!]+|$)",
    re.IGNORECASE | re.MULTILINE,
)


def without_notices(text: str) -> str:
    """What is left of a text without them; each leaves the end of a line, so that nothing grows together."""
    return lines(_NOTICE.sub("\n", text.replace("\u2019", "'")))
