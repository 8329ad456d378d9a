### Texts of the supervisors' page, in English.

campaign = Campaign
centre-actions = Actions for the whole centre
seat-state = Seat state
all-states = All seat states
spoken = Language of the agent
all-languages = All languages
all-campaigns = All campaigns

## Users

to-board = Supervisors' board
to-account = Your account
to-reports = Reports
users = Users
user-name = User name
user-name-help = 1 to 32 lower-case letters, digits and hyphens
role = Role of the user
sign-in-by = Sign-in method
signed-in-at = Last sign-in
user-fixed = user defined in the settings file
user-menu = Actions for user { $name }
user-actions = Actions for this user
passkey = passkey set up
password-none = no password set
password-once = one-time password
password-own = password chosen by the user
user-add = Add user
user-role = Change role of the user
user-password = New one-time password
user-sign-out = Sign out the user everywhere
user-remove = Remove user
ask-user-add = { $name } can sign in with the role { $role }. The next screen shows a password for the first sign-in.
ask-user-role = { $name } gets the new role at once and must sign in again.
ask-user-password = The current password of { $name } stops working and all sessions end. The next screen shows a password for one sign-in.
ask-user-sign-out = { $name } will be signed out on every device and can sign in again.
ask-user-remove = { $name } will lose all access and be signed out on every device.
new-password-title = One-time password for { $name }
new-password-help = This password is shown only once. It works for one sign-in within three days, when a new one must be chosen. Hand it over in person.
copy = Copy password
copied = Password copied.
done = Close this window
signed-out-everywhere = { $name } is signed out on every device.
users-help = Users defined in the settings can only be changed there. Every change of a user is recorded in the audit log under your name.

## Errors

problem-alert-ended = The alert was not acknowledged: it has already ended or changed.
problem-no-user = This user no longer exists. Reload the page.
problem-user-in-settings = This user is defined in the settings. Set the password on the dialler's machine (dialer user password).
problem-own-account = You cannot change your own account in this list. To change your password, use "Your password".
problem-not-audited = No password was created: the dialler could not write to the audit log. Try again.

## States

status = Connection status
status-broker = MQTT broker
status-dialler = Dialler
status-switch = Asterisk
status-up = The connection to { $system } works
status-down = The connection to { $system } is lost
stale-desk = No data from the server for { $ago }. Figures may be out of date. Dialling continues.
stale-broker = No update from the MQTT broker for { $ago }. Figures may be out of date. Dialling continues.
stale-dialler = The dialler is offline: it was stopped or lost its connection to the MQTT broker. Figures are out of date.

role-viewer = viewer (read only)
role-listener = listener (may listen to calls)
role-coach = coach (may whisper to agents)
role-desk = desk server (program)
role-booth-desk = booth desk (enters reports from polling booths)
role-compliance = compliance officer
role-supervisor = supervisor

state-running = running
state-paused = paused
state-stopped = stopped

call-preview = in preview
call-sending = starting
call-dialling = dialling
call-ringing = ringing
call-waiting = waiting for an agent
call-connecting = connecting to an agent
call-talking = talking to an agent
call-in-flow = in a call flow
call-message = hearing the abandoned-call message

trunk-working = trunk in use
trunk-resting = trunk suspended
trunk-probing = trunk being tested with one call

## Tiles

tile-calls = Live calls
tile-seats = Active agents
tile-abandoned = Abandoned rate
tile-utilisation = Agent utilisation
tile-utilisation-help = share of logged-in time in calls and wrap-up
tile-asr = Answer rate (ASR)
tile-asr-help = answered share of recent calls on all trunks
remaining-of = of { $numbers } numbers on the call lists

window-days = the last { $days } days
window-hours =
    { $hours ->
        [one] the last hour
       *[other] the last { $hours } hours
    }
abandoned-window = { $abandoned } of { $answers } live answers in { $window } were abandoned ({ $share }). Dialling stops at an abandoned rate of { $stop }.
abandoned-of-limit = { $share } (limit { $limit })
abandoned-limit-of = limit { $limit } in { $window }

## Campaigns

campaigns = Campaigns
to-campaigns = Set up campaigns
to-flows = Call flows
no-campaign = No campaigns yet. Add one under "Set up campaigns".
campaign-actions = Actions for campaign { $campaign }
campaign-details = Details of the campaign
connected-last-hour = Connected, last hour
agents-share = Share of agents' time
remaining-numbers = Remaining
share-of-intended = { $actual } (target { $intended })
list-completed-of = { $closed } of { $numbers } numbers on the call list completed, { $due } numbers still to call
list-waiting = { $numbers } numbers must wait before they are called again
list-refused = { $numbers } numbers not called: { $rule }
placed = Calls placed
answered = Answered calls
connected = Calls connected to an agent
abandoned = Abandoned calls
pacing = Current dialling pace
refused = Calls blocked by calling rules

rule-number = phone number is invalid, or its prefix is not allowed
rule-opted-out = number opted out
rule-nothing-known = call history of the number unknown
rule-do-not-call-register = number is on a do-not-call register
rule-register-missing = no do-not-call register imported
rule-register-too-old = do-not-call register out of date
rule-no-consent = no recorded consent to be called
rule-consent-withdrawn = voter withdrew consent
rule-certificate = a voice prompt has no valid certificate
rule-caller-id = caller ID not allowed
rule-poll-over = poll already closed
rule-retention = voter's data kept longer than allowed
rule-silence = campaigning forbidden shortly before the poll
rule-poll-unknown = voter's polling day unknown
rule-close-of-poll-unknown = closing time of the poll unknown
rule-time-zone-unknown = time zone of the number unknown
rule-calling-hours = outside calling hours
rule-campaign-hours = outside the campaign's calling hours
rule-redial-lock = number had an abandoned call too recently
rule-gap = number called too recently
rule-attempts = number already called as often as allowed today
rule-conversations = voter already contacted

calls-now =
    { $calls ->
        [one] 1 call placed now
       *[other] { $calls } calls placed now
    }
pacing-nobody = no agent is available, so no calls are placed
pacing-agents = each available agent previews a voter and dials
pacing-seats = dialling as many calls as the available agents can take
pacing-cap = dialling limited to keep the abandoned rate at its target
pacing-hard-stop = dialling waits because one more abandoned call would exceed the abandoned-rate limit
pacing-reserve = dialling limited so that the abandoned rate stays within its limit even if every call in progress is abandoned
pacing-speed = dialling limited by the supervisor's calling limit for today
pacing-channels = dialling waits because all channels of the trunks are in use
pacing-cps = dialling limited because the trunk allows no more calls per second
pacing-slow-carrier = dialling limited because the carrier is slow to ring voters' phones
pacing-in-flight = dialling waits because the limit of calls in progress is reached

why = Why is nothing being dialled?
why-dialling =
    { $calls ->
        [one] 1 call dialling or ringing.
       *[other] { $calls } calls dialling or ringing.
    }
why-no-broker = The desk cannot tell why nothing is dialled: it is not connected to the MQTT broker.
why-dialler-away = The dialler is not running or is disconnected from the MQTT broker.
why-stopping = The dialler is stopping. It places no new calls.
why-starting = The dialler is starting.
why-clock-set = The clock of the dialler's machine has changed. Check the time. If it is correct, press "Confirm the dialler's clock".
why-no-switch = The dialler is not connected to Asterisk.
why-switch-silent = Asterisk does not respond. Check the Asterisk server.
why-store = Results cannot be saved. Check the disk of the dialler's machine.
why-store-older = The database is older than the newest calls: it was set back or replaced. Follow the steps in the alert, or tell your administrator.
why-paused = The campaign is paused. Press "Start campaign".
why-stopped = The campaign is stopped. Press "Start campaign".
why-no-audio = A sound of the call flow cannot be played: { $detail }
why-calling-hours =
    { $until ->
        [none] Outside calling hours, and no calling hours remain.
       *[other] Outside calling hours until { $until }.
    }
why-rules = Calling rules block every call: { $detail }
why-no-poll = No polling booth of the campaign votes today.
why-no-agent = No logged-in agent can take the campaign's calls ({ $detail }).
why-trunks =
    { $until ->
        [none] All trunks were suspended; a test call checks whether one works again.
       *[other] All trunks are suspended until { $until }: the carrier rejects calls.
    }
why-list-completed = The call list is complete: no numbers remain.
why-nothing-due = No number is due now: { $closed } of { $numbers } numbers are completed.
why-held = Campaign on hold: { $detail }
why-limit-nobody = No agents available: { $paused } paused, { $wrapup } in wrap-up.
why-limit-agents = Each available agent previews a voter before dialling: { $talking } talking, { $wrapup } in wrap-up, { $ready } ready.
why-limit-seats = All agents are busy: { $talking } talking, { $wrapup } in wrap-up, { $ready } ready. The next call starts shortly before an agent becomes available.
why-limit-cap = Dialling is limited to keep the abandoned rate at its target. { $ready } agents are ready.
why-limit-hard-stop = Dialling waits: one more abandoned call would exceed the abandoned-rate limit. { $ready } agents are ready.
why-limit-reserve = Dialling is limited so that the abandoned rate stays within its limit even if every call in progress is abandoned. { $ready } agents are ready.
why-limit-channels = Dialling waits: all channels of the trunks are in use.
why-limit-speed = Dialling is at the supervisor's calling limit for today. { $ready } agents are ready.
why-limit-cps = Dialling is limited because the trunk allows no more calls per second (CPS).
why-limit-slow-carrier = Dialling is limited because the carrier is slow to ring voters' phones.
why-limit-in-flight = Dialling waits: the limit of calls in progress is reached.

## Seats

seats = Seats
seats-active = { $working } of { $seats } seats active
seat-actions = Actions for seat { $seat }
seat-order = Sort seats by
seat-order-seat = by seat number
seat-order-agent = by agent's name
seat-order-state = by seat state
seat-order-since = longest time in state first
seat-order-busy = busiest first
select-seats = Select seats
select-seat = Select seat { $seat }
select-all-seats = Select all seats
seats-selected =
    { $seats ->
        [one] 1 seat selected
       *[other] { $seats } seats selected
    }
selected-seats-actions = Actions for the selected seats
end-selection = Clear selection
serves-only = seat takes calls of these campaigns only: { $campaigns }
seat-calls =
    { $calls ->
        [one] 1 call, busy { $share } of the time
       *[other] { $calls } calls, busy { $share } of the time
    }

## Trunks

trunks = Trunks
trunk = Trunk
trunk-state = Trunk state
channels = Channels in use
asr = Answer rate (ASR)
cps = Calls started per second
ringing = Time until the voter's phone rings
failures = Failed calls on the trunk
seconds = { $seconds } sec

## Turnout

booths = Turnout by booth, as reported by voters
booths-summary = { $voted } of { $reached } contacted voters in { $booths } booths have voted
booths-more = { $more } more booths are not shown. Use the search field to narrow the list.
booth = Constituency and part of the voter roll
booth-find = Search booths
booth-order = Sort booths by
booth-order-behind = lowest turnout first
booth-order-place = booth number
voters = Voters on the roll
reached = Voters contacted
voted = Voters reported as voted
not-yet = Voters who have not voted yet
voted-share = Reported turnout

## The day

day = Calls today
no-day = No calls completed today. Charts appear after the first one.
cap = Abandoned-rate limit
chart-calls = Calls per ten minutes
chart-calls-summary = { $placed } calls placed today, { $answered } answered, { $connected } connected to an agent.
chart-abandoned = Abandoned rate, last hour
chart-abandoned-summary = { $abandoned } of { $answers } live answers were abandoned today; the limit is { $stop }.

## Alerts

alerts = Alerts
alert-acknowledge = Acknowledge alert
alert-acknowledged-by = alert acknowledged by { $name }, { $at }
level-notice = Notice
level-warning = Warning
level-critical = Critical alert

## Commands

do-pause = Pause campaign
do-resume = Start campaign
do-stop = Stop campaign
do-speed = Set calling limit
do-abandoned-target = Set abandoned-rate target
do-weight = Set campaign weight
do-calling-hours = Set calling hours
do-stop-all = Stop all campaigns
do-accept-clock = Confirm the dialler's clock
do-reload-flows = Reload call flows
do-seat-pause = Pause calls to the seat
do-seat-ready = Resume calls to the seat
do-seat-log-off = Log off agent
do-seat-hang-up = Hang up the seat's call
do-seat-message = Send message to agents
do-seat-campaigns = Change campaign of the seat
do-seat-unlock = Unlock log-in at the seat
do-listen = Listen to the seat's call
do-whisper = Whisper to the agent
do-barge = Join the seat's conversation
do-stop-listening = Stop listening

ask-pause = Campaign { $campaign } will place no new calls. Calls in progress continue.
ask-resume = Campaign { $campaign } will start dialling again.
ask-stop = Campaign { $campaign } will place no new calls, and its unanswered calls will be cancelled. Conversations continue.
ask-speed = Choose how many calls campaign { $campaign } may make at once for the rest of today. Legal and trunk limits still apply. Calls in progress continue.
ask-abandoned-target = Choose the share of live answers that campaign { $campaign } may abandon. It applies until somebody changes it. The legal limit stays the same.
ask-weight = Agents' time is shared in proportion to the campaigns' weights. The weight of campaign { $campaign } applies until somebody changes it. Calls in progress continue.
ask-calling-hours =
    { $lawful ->
        [none] Campaign { $campaign } will place calls only in these hours, every day, until somebody changes them. The law allows no calls today. Calls in progress continue.
       *[other] Campaign { $campaign } will place calls only in these hours, every day, until somebody changes them. Legal hours today: { $lawful }. Calls in progress continue.
    }
ask-stop-all = No campaign of the centre will place new calls, and unanswered calls will be cancelled. Conversations continue.
ask-accept-clock = Confirm only if the clock is right. The dialler then uses this time and starts dialling again.
ask-reload-flows = New calls will use the new version of each call flow.
ask-seat-pause = Seat { $seat } will get no new calls. The current conversation continues.
ask-seat-log-off = The agent at seat { $seat } will be logged off when the current conversation ends.
ask-seat-hang-up = The call at seat { $seat } ends as soon as you confirm.
ask-seat-message = The message to { $to } is shown on the agent's page until it is read, at most 10 minutes. Do not include names or phone numbers.
ask-seat-campaigns = Seat { $seat } takes only calls of the campaign that you choose, from the next call until its agent logs off.
ask-seat-unlock = Agents will be able to log in at seat { $seat } again.
ask-whisper = Your phone will ring. When you answer it, the agent at seat { $seat } can hear you, but the voter cannot.
ask-barge = Your phone will ring. When you answer it, you join the call at seat { $seat }, and both the agent and the voter hear you.

message-text = Message to the agent
campaign-choice = Campaign of the seat
serve-all-campaigns = all campaigns
speed-choice = Highest number of calls at once in this campaign
speed-per-seat =
    { $calls ->
        [one] 1 unanswered call per agent
       *[other] { $calls } unanswered calls per agent
    }
speed-calls =
    { $calls ->
        [one] 1 simultaneous call
       *[other] { $calls } simultaneous calls
    }
speed-unlimited = no limit on calls
speed-set-by = { $sender } set today's calling limit: { $most }
target-choice = Abandoned-rate target
target-default = abandoned-rate target from the settings
target-set-by = { $sender } set the abandoned-rate target to { $share }
weight-choice = Weight
weight-of = weight { $weight }
weight-default = campaign weight from the settings
weight-none = 0: only the agents' time that other campaigns do not use
weight-set-by = { $sender } set the weight to { $weight }
hours-choice = Calling hours in the centre's time zone, such as 09:00-13:00, 14:00-18:00. Empty: the hours from the settings.
hours-today =
    { $today ->
        [none] No calling hours today.
       *[other] Calling hours today: { $today } (legal hours: { $lawful }).
    }
hours-set-by = { $sender } set the calling hours to { $hours }.
pause-reason = Reason for the pause

commands-signed = The dialler requires signed commands, which this page cannot send. Use "dialer command" instead.
command-done = Command carried out: { $text }
commands-done = { $done } of { $all } commands carried out.
command-refused = Command refused: { $text }
command-unanswered = The dialler did not answer. Check whether the command was carried out before you repeat it.

## Rolls and numbers

to-lists = Voter rolls
do-roll-import = Import a voter roll
do-rejects-download = Download rejected rows
do-suppress = Stop calling this number
do-number-search = Search calls to a phone number
do-coaching-note = Write and delete coaching notes
do-erase-number = Erase this number
roll-help = Choose a CSV or XLSX file. It is checked first: you see its columns, its rejected rows and what would change before you import it. Dialling continues meanwhile.
roll-file = Voter roll file
roll-check = Check file
roll-receiving = Uploading file
roll-import = Import roll
roll-columns = Columns of the file
roll-columns-help = Choose the field that each column is read as. Constituency number, part number and serial number identify a voter and are required. Phone numbers may be in several columns. Of long numbers only the last four digits are shown.
roll-columns-changed = The columns have changed: check the file again before you import it.
roll-header-row = Row with the headings (0: none)
roll-read-headings = Read headings
roll-file-column = Column
roll-column = Column { $number }
roll-examples = Examples
roll-read-as = Read as
roll-field-of = Field of column { $column }
roll-not-read = Not read
roll-never-stored = Never stored (caste, religion, Aadhaar, vote)
roll-check-again = Check file again
roll-rejects = First rejected rows and cells
roll-reject-row = Row
roll-reject-value = Value
roll-reject-reason = Reason
roll-problem-no-headings = No row has a known heading. Choose a field for each column, and the row with the headings.
roll-problem-header-row = The file has fewer rows. Enter the row with the headings again.
roll-problem-missing-fields = No column is read as: { $fields }. Choose its column.
roll-problem-repeated-field = Several columns are read as: { $fields }. Choose one; only phone numbers may be in several columns.
roll-problem-all-rejected = Every row was rejected, so there is nothing to import. See the reasons below, and correct the columns or the file.
roll-field-roll-version = Roll version
roll-field-state-code = State code
roll-field-constituency-number = Constituency number
roll-field-constituency-name = Constituency name
roll-field-part-number = Part number (booth)
roll-field-part-name = Booth name
roll-field-part-name-local = Booth name in the local script
roll-field-closes-at = Close of poll
roll-field-section = Section
roll-field-serial = Serial number
roll-field-house = House number
roll-field-name = Name or first name
roll-field-last-name = Last name
roll-field-name-local = Name in the local script
roll-field-last-name-local = Last name in the local script
roll-field-relation = Relation (father, mother, husband)
roll-field-relation-name = Name of the relative
roll-field-relation-last-name = Last name of the relative
roll-field-sex = Sex
roll-field-age = Age
roll-field-epic = Voter card number (EPIC)
roll-field-language = Language
roll-field-mobile = Phone number
roll-discard = Discard file
roll-by = file uploaded by { $name }
roll-is-receiving = uploading the file
roll-is-checking = checking the file; nothing has changed yet
roll-is-checked = file checked; the import would make the following changes
roll-is-importing = importing the roll
roll-is-done = roll imported
roll-is-refused = roll not imported
roll-done = { $done } of { $rows } rows imported
roll-rows = Rows in the file
roll-voters = Voters added or changed
roll-unchanged = Voters unchanged (already imported, or twice in the file)
roll-rejected = Rows rejected
roll-booths = Booths added
roll-numbers = Phone numbers that the import added
roll-links = Links between voters and phone numbers
roll-rejected-numbers = Phone numbers rejected (their voters are imported)
roll-rejected-cells = Other rejected cells of the file (their voters are imported)
roll-opted-out = Phone numbers that have opted out (never called)
roll-without-close = Polling booths without a closing time
ask-roll-import = { $voters } voters and { $numbers } phone numbers will be added or changed. Running campaigns start calling them at once.
numbers-title = Block or erase a number
numbers-help = The phone number you enter is not written to any log. Erasing it also deletes its recordings and notes permanently.
number = Phone number
number-names = Also erase the names of the voters at this number
ask-number-suppress = No campaign will call { $number } again, even after a new roll is imported. This cannot be undone.
ask-number-erase = { $number } will be erased with its recordings and notes, and never called again. This cannot be undone.
problem-no-roll = This file is not a roll. Choose a .csv or .xlsx file.
problem-list-busy = Another roll is being checked or imported. Wait until it is finished.
problem-no-list = This upload no longer exists. Upload the file again.
problem-rejects-not-audited = The dialler could not record the download in the audit log, so there is no file. Check the dialler, then try again.
problem-no-room = Not enough disk space for the file. Free some space, then try again.
problem-no-number = Enter exactly one valid phone number.

## Recordings

to-recordings = Recordings
recordings-help = Recorded calls, without names and numbers. Each playback is recorded in the audit log.
recordings-none = No recordings. They appear here when calls are recorded.
recordings-unjudged = Only calls taken for answering machines for which nobody has recorded who answered
recordings-none-unjudged = There are no such calls.
recordings-older = Show older recordings
recorded-at = Start of recording
recorded-duration = Length of the recording
recorded-seat = Seat
recorded-agent = Agent
recording-of = Recording that started { $at }
recording-play-of = Play recording that started { $at }
do-recording-play = Play recording
do-recording-judge = Record whether a person or a machine answered
judged-who = Who answered (calls taken for answering machines)
judged-open = Not recorded yet: play the call first
judged-person = Person
judged-machine = Machine
problem-recording-deleted = This recording has been deleted.
problem-playback-expired = Playback has expired after 15 minutes. Press "Play recording" again.
problem-recordings-unreadable = The recordings folder cannot be read. Tell your administrator.

## Changed settings

do-reload-settings = Reload settings
settings-title = Changed settings
settings-help = Changes in the settings files that are not in force yet. A reload applies all of them, or none if one is wrong. It is recorded in the audit log under your name. Calls in progress continue.
settings-look-again = Read the settings files again
settings-unchanged = No change: the settings files have the values that are in force.
settings-invalid = The settings files have a mistake. Nothing can be reloaded until it is corrected:
settings-need-restart = Nothing can be reloaded until the dialler is restarted, or the changes that need a restart are undone.
settings-need-desk-restart = Until the desk is restarted, these pages show the earlier settings.
setting = Setting
setting-before = Value in force
setting-after = New value
setting-takes-effect = Takes effect
setting-hidden = hidden
setting-not-set = not set
takes-effect-reload = After a reload of the settings
takes-effect-restart = After a restart of the dialler
takes-effect-desk-restart = After a restart of the desk (the server of these pages)
takes-effect-elsewhere = After the other programs that use it are restarted or get their new files
ask-reload-settings =
    { $settings ->
        [0] The dialler reads the settings files again. Calls in progress continue.
        [one] 1 changed setting is reloaded. Calls in progress continue.
       *[other] { $settings } changed settings are reloaded. Calls in progress continue.
    }
problem-settings-differ = Nothing was reloaded: the settings files have changed again. Read the new changes, then reload.
problem-no-settings-file = The dialler was started without a settings file, so there is nothing to reload.

## Agents

to-agents = Agents
agents = Agents
agents-read-only = Agents without buttons are in { $file }. Edit them there, then reload the settings.
agent-number = Agent number
agent-full-name = Name
agent-languages = Languages
agent-languages-of-seat = those of the seat
agent-skills = Skills
agent-logged-in = Logged in
agent-at-seat = seat { $seat }, { $state }
agent-actions = Actions for this agent
agent-add = Add agent
agent-edit = Edit
agent-remove = Remove
agent-title-edit = Edit agent { $agent }
agent-title-remove = Remove agent { $agent }
agent-number-help = 1 to 10 digits, which the agent enters to log in
agent-full-name-help = Shown on the board and in reports.
agent-languages-help = The agent gets calls of voters who speak one of them. The agent's page uses the language that you tick first. If you tick none, the languages of the seat apply.
agent-skills-help = Some campaigns are only for agents with a certain skill.
agent-skill-new = New skill
agent-skill-new-help = Lower-case letters, digits and hyphens
agent-skill-add = Add skill
agent-pin = PIN
agent-pin-keep = Keep the PIN
agent-pin-generate = Generate a new PIN
agent-pin-enter = Enter a new PIN
agent-pin-new = New PIN (4 to 12 digits)
agent-pin-repeat = Repeat the new PIN
agent-pins-differ = The two PINs differ.
agent-pin-title = PIN of agent { $agent }
agent-pin-once = This PIN is shown only once. Hand it to the agent in person.
agent-pin-copy = Copy PIN
agent-pin-copied = PIN copied.
agent-is-logged-in-edit = The agent is logged in at seat { $seat } and stays logged in. Languages, skills and PIN change at the next log-in.
agent-is-logged-in-remove = The agent is logged in at seat { $seat } and will be logged off, after the current call if there is one.
agent-check-incomplete = Enter the agent number.
agent-check-running = Checking the change
agent-check-problems = Correct the marked fields before you save the agent.
agent-save = Save agent
agent-help-add = The agent can log in as soon as the change is saved.
agent-help-edit = The change is recorded in the audit log under your name.
agent-help-remove = The agent can no longer log in. The agent's calls stay in the reports.
agent-saved-add = Agent { $agent } is added.
agent-saved-edit = Agent { $agent } is changed.
agent-saved-remove = Agent { $agent } is removed.
problem-no-agents-file = Agents cannot be changed here. Ask your administrator to set `desk.agents_file` and to restart the desk.
problem-agents-changed = Nothing was saved: somebody else has changed the agents meanwhile. Read the new result of the check, then save again.
problem-agent-invalid = Nothing was saved: { $text }

## Changes of settings files

will-be-written = Change in { $file }
nothing-changed = Nothing has been changed yet.
also-applied = Other settings have changed and will be applied at the same time: { $settings }
needs-restart = The dialler will refuse the change until it is restarted, because these settings have changed: { $settings }
change-refused = The dialler refused the change, so nothing was saved: { $text }
change-unanswered = The change is saved, but the dialler did not answer. It is applied when the settings are next reloaded.
