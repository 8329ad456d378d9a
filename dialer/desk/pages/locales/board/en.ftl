### Texts of the supervisors' page, in English.

campaign = Campaign
centre-actions = Centre actions
seat-state = State
all-states = All states
spoken = Spoken language
all-languages = All languages
all-campaigns = All campaigns

## Users

to-board = Back to the board
users = Users
user-name = Name
user-name-help = 1 to 32 lower-case letters, digits and hyphens
role = Role
sign-in-by = Sign-in method
signed-in-at = Last sign-in
user-fixed = user defined in the settings
user-menu = Actions for { $name }
user-actions = Actions
passkey = passkey
password-none = no password
password-once = one-time password
password-own = password
user-add = Add user
user-role = Change role
user-password = New one-time password
user-sign-out = Sign out everywhere
user-remove = Remove
ask-user-add = { $name } can sign in with the role { $role }. The next screen shows a password for the first sign-in.
ask-user-role = { $name } gets the new role at once and must sign in again.
ask-user-password = The current password of { $name } stops working and all sessions end. The next screen shows a password for one sign-in.
ask-user-sign-out = { $name } is signed out on every device and can sign in again.
ask-user-remove = { $name } loses all access and is signed out on every device.
new-password-title = Password of { $name }
new-password-help = This password is shown only once. It works for one sign-in within three days, when a new one must be chosen. Hand it over in person.
copy = Copy
copied = Password copied.
done = Done
signed-out-everywhere = { $name } is signed out on every device.
users-help = Users defined in the settings can only be changed there. Every change of a user is recorded in the audit log under your name.

## Errors

problem-alert-ended = This alert has ended or changed.
problem-no-user = This user no longer exists.
problem-user-in-settings = This user is defined in the settings. Set the password on the dialler's machine (dialer user password).
problem-own-account = This is your own account. Change your password above.
problem-not-audited = No password was created: the dialler could not write to the audit log. Try again.

## States

status = Status
status-broker = Broker
status-dialler = Dialler
status-switch = Asterisk
status-up = connected
status-down = disconnected
stale-desk = No update from the desk for { $ago }. Figures may be out of date. Dialling continues.
stale-broker = No update from the broker for { $ago }. Figures may be out of date. Dialling continues.
stale-dialler = The dialler is offline: it was stopped or lost its connection to the broker.

role-viewer = viewer
role-listener = listener
role-coach = coach
role-desk = desk server
role-booth-desk = booth desk
role-compliance = compliance
role-supervisor = supervisor

state-running = running
state-paused = paused
state-stopped = stopped

call-preview = previewed by the agent
call-sending = starting the call
call-dialling = dialling
call-ringing = ringing
call-waiting = waiting for an agent
call-connecting = connecting to an agent
call-talking = talking
call-in-flow = in call flow
call-message = hearing a message

trunk-working = active
trunk-resting = suspended
trunk-probing = testing the trunk with one call

## Tiles

tile-calls = Live calls
tile-seats = Active agents
tile-abandoned = Abandoned rate
tile-utilisation = Agent utilisation
tile-utilisation-help = talk and wrap-up time as a share of logged-in time
tile-asr = Answer rate (ASR)
tile-asr-help = answered share of recent calls on all trunks
tile-remaining = Numbers remaining
tile-remaining-of = of { $numbers } numbers on the lists

window-days = { $days } days
window-hours = { $hours ->
    [one] 1 hour
   *[other] { $hours } hours
}
abandoned-window = { $share } of { $answers } live answers in { $window } were abandoned ({ $abandoned ->
    [one] 1 call
   *[other] { $abandoned } calls
}); dialling stops at { $stop }

## Campaigns

campaigns = Campaigns
no-campaign = No campaigns yet. They appear when the dialler starts with campaigns in its settings.
list-completed-of = { $closed } of { $numbers } numbers completed, { $due } remaining
list-waiting = { $numbers } waiting for their time
list-refused = { $numbers } not called: { $rule }
placed = Calls placed
answered = Answered calls
connected = Connected to an agent
abandoned = Abandoned calls
pacing = Pacing
refused = Calls blocked by calling rules

rule-number = number not allowed
rule-opted-out = number opted out
rule-nothing-known = call history unknown
rule-do-not-call-register = on a do-not-call register
rule-register-missing = do-not-call register missing
rule-register-too-old = do-not-call register out of date
rule-no-consent = no consent to be called
rule-consent-withdrawn = consent withdrawn
rule-certificate = recording not certified
rule-caller-id = caller ID not allowed
rule-poll-over = poll has closed
rule-retention = data retention period over
rule-silence = silence period before the poll
rule-poll-unknown = polling day unknown
rule-close-of-poll-unknown = close of poll unknown
rule-time-zone-unknown = time zone unknown
rule-calling-hours = outside calling hours
rule-campaign-hours = outside the campaign's hours
rule-redial-lock = previous call abandoned too recently
rule-gap = number called too recently
rule-attempts = daily attempt limit reached
rule-conversations = voter already contacted

calls-now = { $calls ->
    [one] 1 call now
   *[other] { $calls } calls now
}
pacing-nobody = no agents available, so no calls are placed
pacing-agents = { calls-now }: each available agent previews a voter and dials
pacing-seats = { calls-now }: as many as the available agents can take
pacing-cap = { calls-now }: limited to keep the abandoned rate at its target
pacing-hard-stop = { calls-now }: one more abandoned call would exceed the abandoned-rate limit
pacing-reserve = { calls-now }: limited so that the abandoned rate stays within its limit even if every call in progress is abandoned
pacing-cold = { calls-now }: too few calls so far to predict when agents become available
pacing-speed = { calls-now }: at the supervisor's limit for today
pacing-channels = { calls-now }: all channels in use
pacing-cps = { calls-now }: at the trunk's limit of calls per second
pacing-slow-carrier = { calls-now }: limited because the carrier is slow to ring
pacing-in-flight = { calls-now }: at the limit of calls in progress

why = Why is nothing being dialled?
why-dialling = { $calls ->
    [one] 1 call dialling or ringing.
   *[other] { $calls } calls dialling or ringing.
}
why-no-broker = Unknown: the desk is not connected to the broker.
why-dialler-away = The dialler is not running or is disconnected from the broker.
why-stopping = The dialler is stopping. It places no new calls.
why-starting = The dialler is starting.
why-clock-set = The machine's clock has changed. Check the time. If it is correct, press "Confirm clock".
why-no-switch = Asterisk is not connected.
why-switch-silent = Asterisk does not respond.
why-store = Results cannot be saved. Check the disk.
why-paused = The campaign is paused. Press "Start".
why-stopped = The campaign is stopped. Press "Start".
why-no-audio = A sound of the call flow cannot be played: { $detail }
why-calling-hours = { $until ->
    [none] Outside calling hours, and no calling hours remain.
   *[other] Outside calling hours until { $until }.
}
why-rules = Calling rules block every call: { $detail }
why-no-poll = No booth votes today.
why-no-agent = No agent for these calls is logged in ({ $detail }).
why-trunks = { $until ->
    [none] All trunks were suspended; a test call checks whether one works again.
   *[other] All trunks are suspended until { $until }: the carrier rejects calls.
}
why-list-completed = The list is complete: no numbers remain.
why-nothing-due = No number is due now: { $closed } of { $numbers } numbers are completed.
why-held = Campaign on hold: { $detail }
why-limit-nobody = No agents available: { $paused } paused, { $wrapup } in wrap-up.
why-limit-agents = Each available agent previews a voter before dialling: { $talking } talking, { $wrapup } in wrap-up, { $ready } ready.
why-limit-seats = All agents are busy: { $talking } talking, { $wrapup } in wrap-up, { $ready } ready. The next call starts shortly before one becomes available.
why-limit-cap = Dialling is limited to keep the abandoned rate at its target. { $ready } agents are ready.
why-limit-hard-stop = One more abandoned call would exceed the abandoned-rate limit. { $ready } agents are ready.
why-limit-reserve = Dialling is limited so that the abandoned rate stays within its limit even if every call in progress is abandoned. { $ready } agents are ready.
why-limit-cold = Too few calls so far to predict when agents become available. { $ready } agents are ready.
why-limit-channels = All channels are in use.
why-limit-speed = Dialling is at the supervisor's limit for today. { $ready } agents are ready.
why-limit-cps = Dialling is at the trunk's limit of calls per second (CPS).
why-limit-slow-carrier = Dialling is limited because the carrier is slow to ring.
why-limit-in-flight = Dialling is at the limit of calls in progress.

## Seats

seats = Seats
seats-active = { $working } of { $seats } seats active
seat-actions = Actions for seat { $seat }
serves-only = only calls of { $campaigns }
seat-calls = { $calls ->
    [one] 1 call
   *[other] { $calls } calls
}

## Trunks

trunks = Trunks
trunk = Trunk
trunk-state = State
channels = Channels
asr = ASR
cps = Calls/s
ringing = Time until ringing
failures = Failed calls
seconds = { $seconds } s

## Turnout

booths = Turnout by booth, as reported by voters
booths-summary = { $voted } of { $reached } contacted voters in { $booths } booths have voted
booths-more = { $more } more booths are not shown. Use the search field to narrow the list.
booth = Constituency/part
booth-find = Search
booth-order = Sort by
booth-order-behind = lowest turnout first
booth-order-place = number
voters = Voters
reached = Voters contacted
voted = Voted
not-yet = Not voted yet
voted-share = Turnout

## The day

day = Today
no-day = No calls completed today. Charts appear after the first one.
cap = Abandoned-rate limit
chart-calls = Calls per ten minutes
chart-calls-summary = { $placed } calls placed today, { $answered } answered, { $connected } connected to an agent.
chart-abandoned = Abandoned rate, last hour
chart-abandoned-summary = { $abandoned } of { $answers } live answers were abandoned today; the limit is { $stop }.

## Alerts

alerts = Alerts
alert-acknowledge = Acknowledge
alert-acknowledged-by = acknowledged by { $name }, { $at }
level-notice = Notice
level-warning = Warning
level-critical = Critical

## Commands

do-pause = Pause
do-resume = Start
do-stop = Stop
do-speed = Set dialling speed
do-abandoned-target = Set abandoned-rate target
do-stop-all = Stop everything
do-accept-clock = Confirm clock
do-reload-flows = Reload call flows
do-seat-pause = Pause
do-seat-ready = Ready
do-seat-log-off = Log off
do-seat-hang-up = Hang up
do-seat-message = Send message
do-seat-campaigns = Change campaign
do-seat-unlock = Unlock log-in
do-listen = Listen
do-whisper = Whisper
do-barge = Barge
do-stop-listening = Stop listening

ask-pause = Campaign { $campaign } places no new calls. Calls in progress continue.
ask-resume = Campaign { $campaign } starts dialling again.
ask-stop = Campaign { $campaign } places no new calls, and its unanswered calls are cancelled. Conversations continue.
ask-speed = The calling limit of campaign { $campaign } applies until midnight. Legal and trunk limits still apply. Calls in progress continue.
ask-abandoned-target = Choose the share of live answers that campaign { $campaign } may abandon. It applies until somebody changes it. The legal limit stays the same.
ask-stop-all = No campaign of the centre places new calls, and unanswered calls are cancelled. Conversations continue.
ask-accept-clock = The dialler starts dialling again with the current time.
ask-reload-flows = New calls use the new version of each call flow.
ask-seat-pause = Seat { $seat } gets no new calls; the current conversation continues.
ask-seat-log-off = The agent at seat { $seat } is logged off when the current conversation ends.
ask-seat-hang-up = The call at seat { $seat } ends now.
ask-seat-message = To { $to }: the message is shown on the agent's page until it is read, at most 10 minutes. Do not include names or phone numbers.
ask-seat-campaigns = Seat { $seat } takes only calls of this campaign from the next call, until the agent logs off.
ask-seat-unlock = Agents can log in at seat { $seat } again.
ask-whisper = Your phone rings. Only the agent at seat { $seat } can hear you.
ask-barge = Your phone rings. The agent and the voter at seat { $seat } can both hear you.

message-text = Message to the agent
campaign-choice = Campaign
serve-all-campaigns = all campaigns
speed-choice = Calling limit
speed-per-seat = { $calls ->
    [one] 1 unanswered call per agent
   *[other] { $calls } unanswered calls per agent
}
speed-calls = { $calls ->
    [one] 1 simultaneous call
   *[other] { $calls } simultaneous calls
}
speed-unlimited = no limit
speed-set-by = { $sender } set today's calling limit: { $most }
target-choice = Abandoned-rate target
target-default = target from the settings
target-set-by = { $sender } set the abandoned-rate target to { $share }
pause-reason = Reason for the pause

commands-signed = The dialler requires signed commands, which this page cannot send. Use "dialer command" instead.
command-done = Done: { $text }
command-refused = Command refused: { $text }
command-unanswered = The dialler did not answer. Check whether the command was carried out before you repeat it.

## Rolls and numbers

to-lists = Lists
do-roll-import = Import a roll
do-suppress = Stop calling this number
do-erase-number = Erase this number
roll-help = Choose a CSV or XLSX file. It is checked first, and you see what would change before you import it. Dialling continues meanwhile.
roll-file = File
roll-check = Check file
roll-receiving = Uploading file
roll-import = Import
roll-discard = Discard
roll-by = uploaded by { $name }
roll-is-receiving = uploading the file
roll-is-checking = checking the file; nothing has changed yet
roll-is-checked = file checked; the import would make the following changes
roll-is-importing = importing the roll
roll-is-done = roll imported
roll-is-refused = roll not imported
roll-done = { $done } of { $rows } rows imported
roll-rows = Rows in the file
roll-voters = Voters added or changed
roll-unchanged = Voters unchanged
roll-rejected = Rows rejected
roll-booths = Booths added
roll-numbers = Numbers added
roll-links = Links between voters and numbers
roll-rejected-numbers = Numbers rejected (their voters are imported)
roll-rejected-cells = Other cells rejected (their voters are imported)
roll-opted-out = Numbers opted out (never called)
roll-without-close = Booths without closing time
ask-roll-import = { $voters } voters and { $numbers } numbers are added or changed. Running campaigns start calling them at once.
numbers-title = Block or erase a number
numbers-help = The number is not written to any log. Erasing also deletes its recordings and notes permanently.
number = Phone number
number-names = Also erase the names of its voters
ask-number-suppress = No campaign will call { $number } again, even after a new roll is imported. This cannot be undone.
ask-number-erase = { $number } is erased with its recordings and notes, and never called again. This cannot be undone.
problem-no-roll = This file is not a roll. Choose a .csv or .xlsx file.
problem-list-busy = Another roll is being checked or imported. Wait until it is finished.
problem-no-list = This upload no longer exists. Upload the file again.
problem-no-room = Not enough disk space for the file. Free some space, then try again.
problem-no-number = Enter exactly one valid phone number.

## Recordings

to-recordings = Recordings
recordings-help = Recorded calls, without names and numbers. Each playback is recorded in the audit log.
recordings-none = No recordings. They appear here when calls are recorded.
recordings-older = Show older
recorded-at = Start of recording
recorded-duration = Duration
recorded-seat = Seat
recorded-agent = Agent
recording-of = Recording of { $at }
recording-play-of = Play the recording of { $at }
do-recording-play = Play
problem-recording-deleted = This recording has been deleted.
problem-playback-expired = Playback has expired after 15 minutes. Press "Play" again.
problem-recordings-unreadable = The recordings folder cannot be read. Tell your administrator.
