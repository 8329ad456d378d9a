### What the board says, in English, beside what every page says.

campaign = Campaign
centre-actions = What to do with the centre
seat-state = State
all-states = All states
spoken = Language spoken
all-languages = All languages
all-campaigns = All campaigns

## Who has signed in, and users

to-board = Back to the board
users = Users
user-name = Name
user-name-is = 1 to 32 small letters, digits and dashes
role = Role
sign-in-by = Signs in with
signed-in-at = Last sign-in
user-fixed = of the settings
user-menu = What to do about { $name }
user-actions = What to do
passkey = passkey
password-none = no password yet
password-once = one-time password
password-own = password
user-add = Add user
user-role = Another role
user-password = New one-time password
user-sign-out = Sign out everywhere
user-remove = Remove
ask-user-add = { $name } may sign in, with the role { $role }. You are shown a password for the first sign-in.
ask-user-role = { $name } has the new role from the next command on, and must sign in again.
ask-user-password = The password of { $name } is none any more, and every page is signed out. You are shown a new one for one sign-in.
ask-user-sign-out = { $name } is signed out on every page, and may sign in again.
ask-user-remove = { $name } may do nothing any more, and is signed out on every page.
made-title = Password of { $name }
made-text = It is shown this once. It is for one sign-in within three days, at which a new one must be chosen. Hand it over in person.
copy = Copy
copied = Copied.
made-done = Done
signed-out-everywhere = { $name } is signed out everywhere.
users-are = Whoever is of the settings is changed there alone, on the dialler's machine. Each change of what somebody may do is in the audit, under your name.

## What went wrong

problem-alert-gone = The alert has ended or changed meanwhile.
problem-no-user = There is no user of that name any more.
problem-of-the-settings = This name stands in the centre's settings: its password is set on the dialler's machine (dialer user password).
problem-own-account = This is your own account: change your password above.
problem-not-noted = The dialler has not put it into the audit: no password was given.

## How things stand

lamps = What is up
lamp-broker = Broker
lamp-dialler = Dialler
lamp-switch = Asterisk
lamp-good = up
lamp-bad = away
stale-desk = The desk has told nothing for { $ago }: what stands here is that old. Dialling goes on.
stale-broker = The desk has heard nothing from the broker for { $ago }: what stands here is older. Dialling goes on.
stale-dialler = The dialler has left the broker: it was stopped, or has lost its connection.

role-viewer = viewer
role-listener = listener
role-coach = coach
role-booth-desk = booth desk
role-compliance = compliance
role-supervisor = supervisor

state-running = running
state-paused = paused
state-stopped = stopped

call-preview = shown to an agent
call-sending = being sent
call-dialling = dialling
call-ringing = ringing
call-waiting = waiting
call-connecting = connecting
call-talking = talking
call-in-flow = in the flow
call-message = message

trunk-working = working
trunk-resting = resting
trunk-probing = trying one call

## Tiles

tile-calls = Live calls
tile-seats = Seats at work
tile-abandoned = Abandoned
tile-utilisation = Utilisation
tile-utilisation-is = talk and wrap-up, of the time logged in
tile-asr = Answered (ASR)
tile-asr-is = of the calls on all trunks, lately
tile-left = Numbers left
tile-left-of = of { $numbers } on the list

window-days = { $days } days
window-hours = { $hours ->
    [one] 1 hour
   *[other] { $hours } hours
}
abandoned-window = { $share } of { $answers } live answers in { $window } ({ $abandoned ->
    [one] 1 call
   *[other] { $abandoned } calls
}); stop at { $stop }

## Campaigns

campaigns = Campaigns
no-campaign = The dialler has told of no campaign yet.
list-done-of = { $closed } of { $numbers } numbers done, { $due } left
placed = Calls
answered = Answered
connected = Connected
abandoned = Abandoned
pacing = Pacing:
refused = Not called by the rules:

rule-number = number not allowed
rule-opted-out = opted out
rule-nothing-known = nothing known
rule-do-not-call-register = on a do-not-call register
rule-register-missing = register missing
rule-register-too-old = register too old
rule-no-consent = no consent
rule-certificate = recording not certified
rule-caller-id = caller ID not allowed
rule-poll-over = poll is over
rule-retention = kept too long
rule-silence = silence before the poll
rule-poll-unknown = polling day unknown
rule-close-of-poll-unknown = close of poll unknown
rule-time-zone-unknown = time zone unknown
rule-calling-hours = outside calling hours
rule-campaign-hours = outside the campaign's hours
rule-redial-lock = abandoned lately
rule-gap = called a short while ago
rule-attempts = enough attempts today
rule-conversations = spoken to already

calls-now = { $calls ->
    [one] 1 call now
   *[other] { $calls } calls now
}
pacing-nobody = no agent takes calls, so none is placed
pacing-agents = { calls-now }: each free agent is shown a voter, and dials
pacing-seats = { calls-now }: as many as the seats are good for
pacing-cap = { calls-now }: held back to keep the share of abandoned calls at its target
pacing-hard-stop = { calls-now }: one more abandoned call would pass the cap
pacing-reserve = { calls-now }: the cap allows for every call on its way being abandoned
pacing-cold = { calls-now }: too little is known yet to dial ahead of the free seats
pacing-speed = { calls-now }: a supervisor allows no more today
pacing-channels = { calls-now }: the channels are used up
pacing-cps = { calls-now }: the trunk starts no more calls a second
pacing-slow-carrier = { calls-now }: the carrier is slow to ring, so calls do not pile up
pacing-in-flight = { calls-now }: as many are on their way as may be

why = Why is nothing dialled?
why-dialling = { $calls ->
    [one] 1 call is on its way.
   *[other] { $calls } calls are on their way.
}
why-unheard-broker = The desk cannot tell: it has no connection to the broker.
why-dialler-away = The dialler does not run, or has lost the broker.
why-stopping = The dialler is being stopped: no new calls.
why-starting = The dialler is starting.
why-clock-set = The machine's clock was set. Compare it with a watch; if it is right, press "The clock is right".
why-no-switch = There is no connection to Asterisk.
why-switch-silent = Asterisk does not answer.
why-store = Results cannot be kept: look at the disk.
why-paused = The campaign is paused. Press "Start".
why-stopped = The campaign is stopped. Press "Start".
why-unheard = Voters would not hear a sound that the flow needs. The dialler says: { $detail }
why-calling-hours = { $until ->
    [none] Outside calling hours, and none come.
   *[other] Outside calling hours until { $until }.
}
why-rules = The rules forbid the calls. The dialler says: { $detail }
why-no-poll = No booth votes today.
why-no-agent = Nobody who could take the calls is logged in ({ $detail }).
why-trunks = { $until ->
    [none] Every trunk has rested; one call finds out whether one works again.
   *[other] Every trunk rests until { $until }: the carrier refuses calls.
}
why-list-done = The list is done: no number is left.
why-nothing-due = No number is due: { $closed } of { $numbers } are done.
why-held = The dialler says: { $detail }
why-waiting = Nothing holds the campaign; { $due } numbers are left.
why-limit-nobody = No agent takes calls now: { $paused } paused, { $wrapup } in wrap-up.
why-limit-agents = Each free agent is shown a voter and dials when ready: { $talking } talking, { $wrapup } in wrap-up, { $ready } ready.
why-limit-seats = All seats are at work: { $talking } talking, { $wrapup } in wrap-up, { $ready } ready. The next call goes out when one is about to be free.
why-limit-cap = Held back to keep the share of abandoned calls at its target. { $ready } seats are ready.
why-limit-hard-stop = One more abandoned call would pass the cap. { $ready } seats are ready.
why-limit-reserve = The cap allows for every call on its way being abandoned. { $ready } seats are ready.
why-limit-cold = Too little is known yet to dial ahead of the free seats. { $ready } seats are ready.
why-limit-channels = All channels are used.
why-limit-speed = A supervisor holds it to that many calls today. { $ready } seats are ready.
why-limit-cps = The trunk starts no more calls a second.
why-limit-slow-carrier = The carrier is slow to ring: calls would pile up.
why-limit-in-flight = As many calls are on their way as may be.

## Seats

seats = Seats
seats-at-work = { $working } of { $seats } at work
seat-actions = Seat { $seat }: what to do
serves-alone = { $campaigns } alone
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
ringing = To ringing
failures = Failures
seconds = { $seconds } s

## Turnout

booths = Turnout by booth, as voters say
booths-whole = { $voted } of { $reached } reached have voted, { $booths } booths
booths-more = and { $more } more: narrow them down above
booth = Constituency/part
booth-find = Find
booth-order = Order
booth-order-behind = fewest voted first
booth-order-place = by number
voters = Voters
reached = Reached
voted = Voted
not-yet = Not yet
voted-share = Share

## The day

day = The day
no-day = No call has ended today.
cap = Cap
chart-calls = Calls, each ten minutes
chart-calls-told = Today { $placed } calls were placed, { $answered } answered, { $connected } connected.
chart-abandoned = Abandoned, over an hour
chart-abandoned-told = Today { $abandoned } of { $answers } live answers were abandoned; the cap is { $stop }.

## Alerts

alerts = Alerts
alert-see = Seen
alert-seen-by = seen by { $name }, { $at }
level-notice = Notice
level-warning = Warning
level-critical = Critical
alert-switch-down = No connection to Asterisk.
alert-store = Results cannot be kept.
alert-broker-down = The dialler has no broker.
alert-clock = The clock was set.
alert-originate = Asterisk refuses calls.
alert-outbox-held = Results wait for the broker.
alert-opt-outs-unheard = Opt-outs of other centres are not heard.
alert-centre-id-taken = Another dialler speaks for this centre.
alert-voters-unseen = Calls cannot be seen as they end.
alert-flows = Flows were not read again.
alert-twilio = Twilio.
alert-command-flood = Commands came too fast.
alert-command-forged = Commands were not signed by their sender.
alert-records-burst = Many records came at once.
alert-of-cap-near = { $name }: the share of abandoned calls is near its cap.
alert-of-list-low = { $name }: hardly a number is left on the list.
alert-of-switch-down = Server { $name } is not reached; the others dial on.
alert-of-seat-lost = Seat { $name } has lost its phone.
alert-of-unheard = { $name }: voters would not hear a sound.
alert-of-log-in-locked = Seat { $name } takes no log-in for a while.
alert-of-trunk = Trunk { $name }.
alert-of-trunks = All trunks of { $name } rest.

## Commands

do-pause = Pause
do-resume = Start
do-stop = Stop
do-speed = Speed
do-abandoned-target = Abandoned target
do-stop-all = Stop everything
do-accept-clock = The clock is right
do-reload-flows = Read flows again
do-seat-pause = Pause
do-seat-ready = Ready
do-seat-log-off = Log off
do-seat-hang-up = Hang up
do-seat-message = Message
do-seat-campaigns = Move
do-seat-unlock = Unlock log-in
do-listen = Listen
do-whisper = Whisper
do-barge = Barge in
do-stop-listening = Stop listening

ask-pause = { $campaign }: no new calls. Calls that ring or talk go on.
ask-resume = { $campaign }: calls are placed again.
ask-stop = { $campaign }: no new calls, and those that ring are taken back. Talks go on.
ask-speed = { $campaign }: no more than this until midnight; caps and lines hold all the same. Calls that ring go on.
ask-abandoned-target = { $campaign }: the share of live answers that may be abandoned, until somebody changes it. Where the law stops the campaign does not move.
ask-stop-all = Every campaign of the centre: no new calls, and those that ring are taken back. Talks go on.
ask-accept-clock = The dialler dials again by the clock as it is now.
ask-reload-flows = The next call has the new version of each flow.
ask-seat-pause = Seat { $seat } gets no more calls; a talk goes on to its end.
ask-seat-log-off = The agent of seat { $seat } is logged off; a talk goes on to its end.
ask-seat-hang-up = The voter's call at seat { $seat } ends at once.
ask-seat-message = To { $to }: a line on the agent's page until it is read or 10 minutes old. No voter's name, no phone number.
ask-seat-campaigns = From its next call on seat { $seat } takes calls of this campaign alone, until its agent logs off.
ask-seat-unlock = Seat { $seat } takes log-ins again.
ask-whisper = Your phone rings. The agent of seat { $seat } hears you, the voter does not.
ask-barge = Your phone rings. Agent and voter of seat { $seat } both hear you.

message-text = What the agent is to read
serve-which = Campaign
serve-all = all again
speed-which = At most
speed-per-seat = { $calls ->
    [one] 1 unanswered call for each agent
   *[other] { $calls } unanswered calls for each agent
}
speed-calls = { $calls ->
    [one] 1 call at once
   *[other] { $calls } calls at once
}
speed-free = as fast as it may
speed-held = { $sender } holds it today to at most: { $most }
target-which = Steer to
target-free = what the settings say
target-held = { $sender } has it steered to { $share } abandoned
pause-reason = Reason

commands-signed = The dialler wants your commands signed, which this page cannot do: give them with "dialer command".
command-done = Done: { $text }
command-refused = Refused: { $text }
command-unanswered = The dialler has not answered. Look whether it was done before you try again.

## Rolls and numbers

to-lists = Lists
do-roll-import = Take in a roll
do-suppress = Never call it again
do-erase-number = Erase it
roll-what = A CSV or XLSX file. First it is checked, and you see what it would change. Then the dialler takes it in while calls go on.
roll-file = File
roll-check = Check it
roll-receiving = The file is being sent
roll-take-in = Take it in
roll-forget = Remove it
roll-by = from { $name }
roll-is-receiving = is being received
roll-is-checking = is being checked; nothing is changed
roll-is-checked = was checked: this is what it would do
roll-is-taking-in = is being taken in
roll-is-done = was taken in.
roll-is-refused = was not taken in:
roll-done = { $done } of { $rows }
roll-rows = Rows
roll-voters = Voters added or changed
roll-unchanged = Unchanged
roll-rejected = Rows rejected
roll-booths = Booths added
roll-numbers = Numbers added
roll-links = Links of voters and numbers
roll-rejected-numbers = Numbers rejected; their voters are taken
roll-rejected-cells = Other cells rejected; their voters are taken
roll-opted-out = Numbers that opted out: not called
roll-without-close = Booths without a close of poll
ask-roll-take-in = { $voters } voters and { $numbers } numbers are added or changed. The campaigns that run call them as soon as they are in.
numbers-out = A number that is not to be called
numbers-what = It goes to no log and no list. Erasing also takes its recordings and notes away, for good.
number = Number
number-names = and the names of the voters on it
ask-number-suppress = No campaign calls { $number } any more, whatever roll comes. This cannot be taken back.
ask-number-erase = { $number } is erased, with its recordings and notes, and is never called again. This cannot be taken back.
problem-no-roll = That is no roll: give a file that ends in .csv or .xlsx.
problem-list-busy = Another roll is being checked or taken in: wait until that is done.
problem-no-list = That roll is not there any more: hand it over again.
problem-no-room = The disk has too little room for it: free some space first.
problem-no-number = That is no telephone number, or more than one.

## Recordings

to-recordings = Recordings
recordings-are = Recorded talks that are kept, without names and numbers. Whoever listens to one stands in the audit.
recordings-none = No recording is kept here.
recordings-older = Older ones
recorded-at = Began
recorded-for = Lasted
recorded-seat = Seat
recorded-agent = Agent
recording-of = Recording of { $at }
recording-play-of = Play the recording of { $at }
do-recording-play = Play
problem-recording-gone = That recording is not there any more.
problem-recording-not-asked = Press "Play" again: a recording is given for a quarter of an hour.
problem-recordings-not-read = The folder of the recordings cannot be read: tell who runs the machine.
