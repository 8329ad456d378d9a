### What an agent's page says, in English, beside what every page says.

title-agent = Agent's desk

## Signing in

agent-number = Agent number
pin = PIN
seat = Seat
choose-seat = Choose your seat
seat-is-taken = taken
phone-own = You speak on the phone of the seat: it rings when you have signed in.
phone-browser = You speak through this browser, with a headset.
place-elsewhere = Seat { $seat } is open in another window or on another computer. Go on there, or use it here.
place-taken = Seat { $seat } is used in another window now. What is said there counts.
take-over = Use it here
agent = Agent { $agent }

problem-pin-wrong = Agent number or PIN is wrong.
problem-seat-locked = Too many wrong tries at this seat. Wait 15 minutes, or ask the supervisor to unlock it.
problem-agent-elsewhere = You are signed in at seat { $seat }. Log off there first.
problem-seat-taken = Somebody else has this seat.
problem-no-seat = There is no such seat any more. Load the page again.
problem-clocks = The clocks of the desk and of the dialler differ. Tell the supervisor.
problem-phone-kind = This seat has another kind of phone. Load the page again.
problem-no-agents = No agent can sign in here: the centre has not set it up.
problem-refused = The dialler says: { $text }
problem-away = Nothing was done: the desk has no connection to the broker. Try again.
problem-unanswered = The dialler has not answered. Try again.
problem-open-elsewhere = The seat is open in another window.
problem-late = That call is over: nothing was done.
problem-note-late = The call is over: the note was not kept.

## How the seat stands

left = { $left } left
wrap-up-left = What is left of the wrap-up
old-desk = The desk has told nothing for { $ago }: what stands here is that old.
old-broker = The desk has heard nothing from the dialler for { $ago }: what stands here is older.
old-dialler = The dialler has lost its connection to the desk: what stands here may be old.
phone-keys-keep = The call goes on, and the keys on the phone still keep outcomes.
seat-controls = Your seat
call-controls = The call
idle-ready = Waiting for the next voter
idle-reserved = A voter is on the way
idle-talking = A voter is on the line. Who it is will be shown in a moment.
idle-wrap-up = The call is over.
idle-paused = You are paused. No calls come.
idle-lost = Your phone is not on the line. It is called again every few seconds: answer it.
idle-offline = You are logged off.
idle-unknown = Waiting for word of your seat
called-off = The call was called off: the voter did not answer, or need not be called any more.

## The phone in the page

phone = Your phone
phone-state-off = Phone off
phone-state-asking = Allow the microphone
phone-state-registering = Phone connecting…
phone-state-ready = Phone ready
phone-state-on-call = Phone on the line
phone-state-lost = Phone lost
phone-state-refused = No phone
phone-level = Microphone
phone-microphone = Microphone
phone-speaker = Loudspeaker
phone-any = as the computer has it
phone-mute = Mute
phone-muted = Muted: the voter does not hear you
phone-check-is = Speak: you hear yourself as the voter will hear you.
phone-check = Check the sound
phone-checking = Speak now…
phone-heard = You were heard, and should have heard yourself.
phone-again = Connect again
phone-problem-microphone-refused = The browser may not use the microphone. Allow it beside the address of the page, then connect again.
phone-problem-no-microphone = There is no microphone. Plug the headset in, then connect again.
phone-problem-microphone-busy = Another program has the microphone. Close it, then connect again.
phone-problem-microphone-gone = The microphone is gone: the voter does not hear you. Plug the headset in.
phone-problem-not-secure = The browser gives no microphone to this address. Open the desk by its https address.
phone-problem-taken = Another window is the phone of this seat now.
phone-problem-signed-out = You are signed out. Sign in again.
phone-problem-not-registered = The switch does not know this phone. Tell the supervisor.
phone-problem-no-desk = The phone has lost the desk and connects again by itself. A call that is on goes on.
phone-problem-no-echo = Nothing was heard. Look at headset and microphone, and check again.
phone-problem-not-ready = The phone is not connected yet. Check again in a moment.
phone-problem-own-phone = This seat has a phone of its own. Load the page again.
phone-problem-no-phone = The centre has not set up phones in the browser. Tell the supervisor.
phone-problem-other = The phone does not work. Connect again, or tell the supervisor.

## Who is on the line

who = On the line
who-next = To be called
worker = A booth worker
nobody-named = Not on our list
relation-f = Father:
relation-m = Mother:
relation-h = Husband:
relation-o = Relative:
gender-m = man
gender-f = woman
gender-o = third gender
age = { $age } years
house = House
serial = No. { $serial }
booth = Booth
part = part { $part }
poll-closes = Poll { $hours }: closes in { $left }
poll-closed = Poll { $hours }: closed
poll-opens = Poll on { $day }, { $hours }
household = To be asked about: { $voters }
settled = Others at this number
more = other…
more-of = Other for { $name }
whole = show all
less = show less
opted-out = This number has asked not to be called. Say thank you and hang up.
settled-elsewhere = said elsewhere just now:
about = About this call
note-before = Note:
lawful = Why we may call:
lawful-called-us = the voter called us.
lawful-asked-for = the voter asked for this call.
lawful-consent = the voter agreed to be called.
lawful-not-listed = the number is on no do-not-call register ({ $registers }), and it is within the hours for calls.
lawful-allowed = the rules allow the call at this hour.
lawful-unknown = not recorded. Ask the supervisor if the voter asks.
marks = What we know
at-hour = at { $hour }:00
calls-before = { $calls ->
    [0] Not called before
    [one] Called once before
   *[other] Called { $calls } times before
}
calls-latest = Only the latest { $calls } are shown.

mark-voted = has voted
mark-not-yet = not yet
mark-later = goes later
mark-will-not = will not vote
mark-wrong-number = wrong number
mark-moved = moved away
mark-deceased = deceased
source-voter-key = the voter, by key
source-agent = agent
source-relative = a relative
source-booth-worker = booth worker
source-import = list
source-correction = correction
ended-connected = talked
ended-completed = heard to the end
ended-left = hung up while listening
ended-abandoned = nobody was free
ended-dropped = hung up while waiting
ended-machine = answering machine
ended-busy = busy
ended-no-answer = no answer
ended-invalid-number = no such number
ended-congestion = network busy
ended-rejected = rejected
ended-carrier-failure = network failure
ended-cancelled = called off
ended-refused = not placed
ended-missed = missed call
ended-unknown = unknown

## The script

script = Script
script-back = Back
script-next = Next
answers = Answers

## Calls that the agent dials

preview = Not dialled yet
preview-is = Look who it is, then dial or skip.
preview-dials = Dialled by itself in { $left }
preview-ends = Taken back in { $left }
dialling = The voter's phone is being called…
skip-why = Why not now?
skip-hour = Not a good hour
skip-language = Other language
skip-known = I know this voter
skip-entry = The entry is wrong
skip-other = Another reason
manual = Dial a number
manual-is = Only a number on our list is called, and only when the rules allow it.
manual-number = Phone number
manual-recent = Those you had on the screen
do-seat-dial = Dial
do-seat-preview-dial = Dial
do-seat-preview-skip = Skip
done-seat-dial = Dialled.
done-seat-preview-dial = Dialled.
done-seat-preview-skip = Skipped: the number comes back later.
problem-no-number = That is no phone number. Look at the digits.

## What came of it

outcome = Outcome
outcome-voted = Has voted
outcome-not-yet = Not yet
outcome-later = Goes later
outcome-will-not = Will not vote
outcome-wrong-number = Wrong number
outcome-call-back = Call back
outcome-language = Other language
outcome-refused = Refused to talk
outcome-opt-out = Never call again
outcome-machine = Machine
outcome-moved = Moved away
outcome-deceased = Deceased
call-back-at = Call back at…
own-call-back-at = I call back at…
own-call-back = Call back by you
meant = The next key is for
spoken-of = { $spoken } of { $voters } done
begun-later = At what hour?
begun-call-back = Call back at what hour?
begun-own-call-back = You call back at what hour?
begun-language = Which language?
language-unknown = another
enough = That is all: keep it
note = Note
note-owed = The note is not kept yet.
note-kept = The note is kept.
note-refused = The note was not kept.
words = What you have said
call-before = The call before
said-waits = will be kept in a moment
said-sent = being sent…
said-unkept = not kept yet; it is sent again and again
said-kept = kept
said-kept-noteless = kept, but without its note: write the note again, or tell the supervisor
said-refused = not kept:
said-taking-back = being taken back…
undo = Undo
at-once = Keep now
seen = Seen
undone = Taken back. Say what it was.
undo-unanswered = The dialler has not answered: it is not known whether it was taken back. Tell the supervisor.
nothing-to-undo = There is nothing that can be taken back.
correcting = { $name }: what was it?
correcting-leave = Leave it
late = That was for a call that is over: nothing was kept.
too-soon = Another call came just then: nothing was kept. Look who it is, and press again.
not-yet-there = The voter is not on the line yet.
no-such-hour = Give an hour that is still to come before the poll closes: two digits, or the digit that is shown.
no-hours = No hour is left today before the poll closes or the day ends: "later" is not possible any more.
no-such-language = Press a digit that is shown.
refused-late = that call and its wrap-up are over.
refused-too-late-to-take-back = It was too late: it stays as it was.
refused-stays = The number is not called again, and stays so: other centres have been told.
refused-nothing-to-say = there is no call to speak of.
refused-other-script = its answers are of another script.
refused-no-line = All lines are in use. Try again in a moment.
refused-campaign-held = The campaign calls nobody now: it is paused, or it is outside its hours.
refused-forbidden-now = The rules forbid this call now.
refused-number-on-a-call = Somebody of that number is on a call already.
refused-not-listed = That number is not on the list of your campaigns. Nobody else may be called.
refused-not-due = That number may not be called yet: it was called or skipped a short while ago, or the voter asked for a later hour.
refused-number-closed = That number is called no more: it has asked so, or nobody on it is left to be called.
refused-seat-not-free = A voter has you, or may be on the way to you. Pause first, then dial.
refused-by-dialler = The dialler says: { $text }

## Commands

do-seat-ready = Ready
do-seat-pause = Pause
do-seat-log-off = Log off
do-seat-hang-up = Hang up
do-seat-hold = Hold
do-seat-resume = Off hold
do-seat-transfer = Transfer
do-seat-consult = Consult
do-seat-merge = All three
do-seat-complete-transfer = Leave them to it
do-seat-cancel-consult = Let the other go
do-seat-pause-recording = Pause recording
do-seat-resume-recording = Record again
done-seat-ready = You get calls again.
done-seat-pause = No further calls; a talk goes on to its end.
done-seat-log-off = You are logged off after this call.
done-seat-hang-up = Hung up.
done-seat-hold = The voter hears music.
done-seat-resume = The voter hears you again.
done-seat-transfer = Transferred.
done-seat-consult = The other phone is called.
done-seat-merge = All three hear each other.
done-seat-complete-transfer = They talk without you.
done-seat-cancel-consult = You have the voter alone.
done-seat-pause-recording = What is said now is not recorded.
done-seat-resume-recording = It is recorded again.
ask-seat-log-off = No more calls come to you. A talk goes on to its end.
line-from = { $sender }, { $at }:
line-read = Read
unanswered = The dialler has not answered. Look how the seat stands before you try again.
no-such-key = That key means nothing.

## Own figures, keys

own-day = Your day
own-calls = Calls
own-talked = Talked
own-wrap-up = Wrap-up
own-paused = Paused
own-call-backs = Your call-backs today
own-call-backs-come = They come to you at their hour if you are ready; later, to anyone.
keys = Keys
keys-off = As on the phone's keypad, on any keyboard. In a field for text they write.
key-digits = 0–9
key-digits-does = the outcome with that digit
key-letters = A B … ↑ ↓
key-letters-does = which voter of the household
key-enter = ↵
key-enter-does = keep what was said so far; then: ready
key-preview = ↵ 0
key-preview-does = of a call that is not dialled yet: dial it, skip it
key-plus = +
key-plus-does = call back at an hour
key-slash = /
key-slash-does = call back at an hour, by you
key-undo = ⌫
key-undo-does = take back, within 5 seconds
key-star-ready = *1
key-star-ready-does = ready
key-star-pause = *21 … *29
key-star-pause-does = pause, with its reason
key-star-hang-up = *3
key-star-hang-up-does = hang up
key-star-hold = *4 *5
key-star-hold-does = hold, off hold
key-star-recording = *6 *7
key-star-recording-does = pause recording, record again
key-star-log-off = *0
key-star-log-off-does = log off

training = Training: no voter here is real, and nothing is kept. What the voter says is shown.
