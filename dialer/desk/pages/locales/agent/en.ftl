### Texts of the agents' page, in English.

title-agent = Agent's desk

## Signing in

agent-number = Agent number
pin = PIN
seat = Seat
choose-seat = Choose your seat
seat-in-use = seat in use
phone-own = You use the phone at this seat. It rings after you sign in.
phone-browser = You use this browser with a headset.
open-elsewhere = Seat { $seat } is open in another window or on another computer. Continue there, or use it here.
used-elsewhere = Seat { $seat } is now used in another window. Only outcomes entered there are saved.
use-here = Use this seat in this window
agent = Agent { $agent }

problem-pin-wrong = Wrong agent number or PIN.
problem-seat-locked = Too many wrong PINs were entered on this device or at this seat. Wait { $minutes } minutes, or ask a supervisor to unlock seat { $seat }.
problem-agent-elsewhere = You are signed in at seat { $seat }. Log off there first.
problem-seat-taken = Another agent is using this seat.
problem-no-seat = This seat no longer exists. Reload the page.
problem-clocks = The clocks of the desk server and the dialler differ. Tell your supervisor.
problem-phone-kind = This seat now uses another kind of phone. Reload the page.
problem-no-agents = Agent sign-in is not set up in this centre. Tell your supervisor.
problem-refused = The dialler refused the action: { $text }
problem-away = Nothing was sent: the desk server is not connected to the MQTT broker. Try again.
problem-unanswered = The dialler did not answer. Try again.
problem-open-elsewhere = The seat is open in another window. Continue in that window.
problem-late = The call has already ended, so nothing was changed.
problem-note-late = The call has already ended. The note was not saved.
problem-no-coaching-note = This note was deleted meanwhile.

## State of the seat

time-left = { $left } remaining
wrap-up-left = Wrap-up time left
stale-desk = No data from the server for { $ago }. This page may be out of date.
stale-broker = No update from the dialler for { $ago }. The page may be out of date.
stale-dialler = The dialler is disconnected from the desk. The page may be out of date.
phone-keys-work = The call continues, and you can still enter outcomes with the phone's keys.
browser-call-continues = The call continues. Go on entering outcomes here: they are sent when the connection is back.
seat-controls = Controls of your seat
call-controls = Controls of the call
idle-ready = Waiting for the next voter
idle-reserved = The next call is being connected.
idle-talking = A voter is on the line. The voter's details appear in a moment.
idle-wrap-up = The call is over.
idle-paused = You are paused and get no calls.
idle-lost = Your phone is disconnected. It rings again every few seconds: answer it.
idle-lost-browser = Your phone is disconnected. This page reconnects it automatically.
idle-offline = You are logged off.
idle-unknown = Waiting for the state of your seat…
call-cancelled = The call was cancelled: the voter did not answer or no longer needs a call.

## Browser phone

phone = Your phone
phone-state-off = Phone off
phone-state-asking = Allow the microphone
phone-state-registering = Phone connecting…
phone-state-ready = Phone ready
phone-state-on-call = Phone on a call
phone-state-lost = Phone disconnected
phone-state-refused = Phone unavailable
phone-level = Microphone level
phone-voter-level = Level of the voter's voice
phone-microphone = Microphone
phone-speaker = Loudspeaker
phone-default-device = system default device
phone-tone = Tone when a call arrives
phone-tone-none = no tone
phone-tone-low = low tone
phone-tone-high = high tone
phone-mute = Mute microphone
phone-muted = Muted: the voter cannot hear you
quality-good = Voice connection good
quality-unstable = Voice connection unstable
quality-poor = Voice connection poor
quality-unstable-help = Words may be lost. Close other programs that use the network, or use a network cable.
quality-poor-help = You and the voter may not understand each other. Offer to call back, and tell your supervisor.
quality-figures = Packets lost: { $loss }, jitter: { $jitter }, round trip: { $trip }
phone-check-help = During the sound test, speak: you hear yourself as the voter hears you.
phone-check = Test the sound
phone-checking = Speak now…
phone-check-passed = Your microphone works. You should have heard yourself.
phone-reconnect = Reconnect phone
phone-problem-microphone-refused = The browser blocks the microphone. Allow it next to the page address, then press "Reconnect phone".
phone-problem-no-microphone = No microphone found. Plug in the headset, then reconnect.
phone-problem-microphone-busy = Another program is using the microphone. Close it, then reconnect.
phone-problem-microphone-gone = The microphone was unplugged: the voter cannot hear you. Plug in the headset.
phone-problem-speaker = This loudspeaker cannot be used. Choose another one.
phone-problem-not-secure = The browser allows the microphone only over https. Open the desk at its https address.
phone-problem-taken = This seat now uses the phone in another window.
phone-problem-signed-out = You are signed out. Sign in again.
phone-problem-not-registered = The phone system does not accept this phone. Tell your supervisor.
phone-problem-no-desk = The phone lost its connection and is reconnecting. A current call continues.
phone-problem-no-echo = No sound was received. Check headset and microphone, then test again.
phone-problem-not-ready = The phone is not connected yet. Test again in a moment.
phone-problem-own-phone = This seat uses a desk phone, not the browser. Reload the page.
phone-problem-no-phone = Browser phones are not set up in this centre. Tell your supervisor.
phone-problem-other = The phone does not work. Reconnect, or tell your supervisor.

## Voter

on-the-line = Person on the line
next-voter = Next voter
booth-worker = Booth worker
not-in-list = Person not on the voter list
relation-f = Father's name
relation-m = Mother's name
relation-h = Husband's name
relation-o = Relative's name
gender-m = male
gender-f = female
gender-o = third gender
age = { $age } years
house = House number
serial = Serial number { $serial }
booth = Polling booth
part = part { $part } of the voter list
poll-closes = Polling hours { $hours }, poll closes in { $left }
poll-closed = Polling hours { $hours }, poll closed
poll-opens = Poll on { $day }, polling hours { $hours }
household-pending = Voters still to ask about: { $voters }
household-others = Other voters at this phone number
other-outcome-of = Other outcome for { $name }
show-all = Show the whole text
show-less = Show less text
opted-out = This number has opted out. Thank the voter and hang up.
recorded-elsewhere = { $name }: { $mark }. Somebody else has just recorded this outcome.
about-call = About this call
previous-note = Note of the previous call
lawful = Why this call is allowed
lawful-called-us = The voter called us, so this call is allowed.
lawful-asked-for = The voter asked for this call, so it is allowed.
lawful-consent = The voter agreed to be called, so this call is allowed.
lawful-not-listed = The number is on no do-not-call register ({ $registers }), and calls are allowed at this hour.
lawful-allowed = The calling rules allow this call now.
lawful-unknown = The reason why this call is allowed was not recorded. If the voter wants to know, ask your supervisor.
marks = Recorded answers about this voter
at-hour = at { $hour }:00
previous-calls =
    { $calls ->
        [0] This number was not called before
        [one] This number was called once before
       *[other] This number was called { $calls } times before
    }
previous-calls-latest = Only the latest { $calls } calls are shown.

mark-voted = voter has voted
mark-not-yet = voter has not voted yet
mark-later = voter will vote later
mark-will-not = voter will not vote
mark-wrong-number = wrong number
mark-moved = voter moved away
mark-deceased = voter deceased
source-voter-key = entered by the voter on the phone keypad
source-agent = recorded by an agent
source-relative = reported by a relative of the voter
source-booth-worker = reported by a booth worker
source-import = imported from a file
source-correction = entered later as a correction
ended-connected = voter talked to an agent
ended-completed = voter listened to the automatic call to the end
ended-left = voter hung up during the automatic call
ended-abandoned = no agent was available for the voter
ended-dropped = voter hung up while waiting for an agent
ended-machine = answering machine
ended-busy = line busy
ended-no-answer = no answer
ended-invalid-number = no such number
ended-congestion = network busy
ended-rejected = call rejected by phone or network
ended-carrier-failure = network failure
ended-cancelled = call cancelled before the answer
ended-refused = call not placed
ended-missed = missed call from the voter
ended-unknown = result of the call unknown

## Script

script = Call script
script-back = Previous script page
script-next = Next script page
answers = Answers to the questions of the script

## Manual dialling and previews

preview = Call preview
preview-help = Check who the voter is, then dial or skip the voter.
preview-dials = The voter is dialled automatically in { $left }
preview-ends = Call preview expires in { $left }
dialling = Calling the voter…
skip-reason = Reason for skipping the voter
skip-hour = Bad time to call the voter
skip-language = Voter speaks another language
skip-known = I know this voter
skip-entry = Mistake in the voter list
skip-other = Another reason for skipping the voter
manual = Dial a number
manual-help = You can call only numbers in your list, and only when the calling rules allow it.
manual-number = Phone number
manual-recent = Recently dialled numbers
do-seat-dial = Dial number
do-seat-preview-dial = Dial voter
do-seat-preview-skip = Skip voter
done-seat-dial = Dialling the number.
done-seat-preview-dial = Dialling the voter.
done-seat-preview-skip = Voter skipped. The number will be called later.
problem-no-number = Not a valid phone number. Check the digits.

## Outcomes

outcome = Outcome of the call
outcome-voted = Has voted
outcome-not-yet = Not voted yet
outcome-later = Will vote later
outcome-will-not = Will not vote
outcome-wrong-number = Wrong number
outcome-call-back = Call back later
outcome-language = Other language needed
outcome-refused = Refused to talk
outcome-opt-out = Never call again
outcome-machine = Answering machine
outcome-moved = Voter moved away
outcome-deceased = Voter deceased
call-back-at = Call back at…
own-call-back-at = I will call back at…
own-call-back = You will call the voter back yourself
next-key-for = Voter
outcomes-entered = { $spoken } of { $voters } outcomes entered
detail-later = At what hour will the voter go to vote?
detail-call-back = At what hour should we call back?
detail-own-call-back = At what hour will you call back?
detail-language = Which language does the voter speak?
language-unknown = Language is not in this list
save-entered = Save outcomes
note = Note about the call
note-unsaved = Note not saved yet.
note-saved = Note saved.
note-refused = The note was not saved.
entries = Outcomes that you entered
previous-call = Previous call
entry-waiting = Outcome will be saved shortly
entry-sending = Saving the outcome…
entry-retrying = Outcome not saved yet, retrying
entry-saved = Outcome saved
entry-saved-without-note = Outcome saved without the note. Write the note again, or tell your supervisor.
entry-refused = Outcome not saved
entry-undoing = Undoing the outcome…
undo = Undo outcome
save-now = Save outcome now
dismiss = Dismiss message
undone = Outcome undone. Enter the correct outcome.
undo-unanswered = The dialler did not answer. The outcome may or may not have been undone. Tell your supervisor.
nothing-to-undo = There is no outcome to undo.
correcting = What was the outcome of the call to { $name }?
keep-outcome = Keep the current outcome
entry-late = The call has already ended, so nothing was saved.
too-soon = A new call had just arrived, so nothing was saved. Check who the voter is, then press again.
voter-not-connected = The voter is not on the line yet.
outcome-not-offered = This campaign does not accept this outcome.
no-call-back-times = No call-back can be promised: this number has reached its maximum number of calls.
invalid-hour = Enter an hour before the poll closes: two digits, or the single digit shown next to the hour.
no-hours-left = Too late to enter "Will vote later": the poll closes in less than an hour.
invalid-language = Press one of the digits shown to choose a language.
refused-call-over = The call and its wrap-up have already ended.
refused-too-late-to-undo = Too late to undo the outcome. It stays as it is.
refused-already-published = This opt-out cannot be undone: other centres have been notified.
refused-no-call = You have no call at the moment.
refused-other-script = Your answers belong to another version of the script. Reload the page.
refused-no-channel = All trunk channels are in use. Try again in a moment.
refused-campaign-held = The campaign is paused or outside its calling hours.
refused-forbidden-now = Calling rules do not allow this call now.
refused-number-on-a-call = Somebody at this number is already on a call.
refused-not-listed = This number is not in the list of your campaigns, so it cannot be called.
refused-not-due = This number cannot be called yet: it was called or skipped recently, or the voter asked for a later time.
refused-number-closed = This number is not called any more: it has opted out, or no voter there still needs a call.
refused-seat-not-free = You are on a call or about to get one. Pause calls first, then dial.
refused-by-dialler = The dialler refused the action: { $text }

## Commands

do-seat-ready = Resume calls
do-seat-pause = Pause calls
do-seat-log-off = Log off
do-seat-hang-up = Hang up
do-seat-hold = Hold call
do-seat-resume = Resume call
do-seat-transfer = Transfer call
do-seat-consult = Consult another person
do-seat-merge = Start three-way call
do-seat-complete-transfer = Complete transfer
do-seat-cancel-consult = End consult
do-seat-pause-recording = Pause recording
do-seat-resume-recording = Resume recording
done-seat-ready = You are ready and will get calls again.
done-seat-pause = Calls paused. The current conversation continues.
done-seat-log-off = You will be logged off after this call.
done-seat-hang-up = Call ended.
done-seat-hold = The call is on hold. The voter hears music.
done-seat-resume = The call is off hold. The voter hears you again.
done-seat-transfer = The call was transferred.
done-seat-consult = Calling the person you want to consult.
done-seat-merge = You, the voter and the other person are connected.
done-seat-complete-transfer = The voter was transferred to the other person.
done-seat-cancel-consult = Consult ended. You are connected to the voter.
done-seat-pause-recording = Recording paused.
done-seat-resume-recording = Recording resumed.
ask-log-off = You will get no more calls. The current conversation continues.
message-from = Message from { $sender }, { $at }:
message-mark-read = Mark message as read
seat-command-unanswered = The dialler did not answer. Check the state of your seat before you try again.
unknown-key = This key has no function on this page.

## Own figures and keyboard shortcuts

own-day = Your figures today
own-calls = Your calls
own-contacts = Voters contacted
own-pace = Contacts per hour
team-pace = team average { $pace }
own-talked = Talk time
own-wrap-up = Wrap-up time
own-paused = Pause time
own-day-empty = Your figures appear here after your first call.
own-call-backs = Your call-backs today
own-call-backs-help = At the agreed time, each call-back goes to you if you are ready, otherwise to any agent.
next-call-back = Next call-back in { $left }
call-back-due = Call-back due now
own-call-backs-empty = Call-backs that you promise for today appear here.
coaching-notes = Notes on your calls
coaching-note-of = Note from { $sender } on your call of { $at }, campaign { $campaign }
coaching-note-mark-read = Mark note as read
coaching-note-is-read = You have read this note.
keys = Keyboard shortcuts
close = Close
keys-help = Digits and star codes do the same as on the phone. Shortcuts do not work while you type in a text field.
keys-help-browser = Type digits and star codes on this keyboard. Shortcuts do not work while you type in a text field.
key-digits-does = choose the outcome that is marked with the pressed digit
key-letters-does = choose the voter of the household who is marked with the pressed letter
key-enter-does = save the outcomes; press again to get the next call
key-preview-does = dial or skip the voter in a call preview
key-plus-does = promise that any agent will call back at an agreed time
key-slash-does = promise to call back yourself at an agreed time
key-undo-does = undo an outcome within 5 seconds
key-help-does = show the keyboard shortcuts
key-star-ready-does = resume calls
key-star-pause-does = pause calls with a reason
key-star-hang-up-does = hang up the call
key-star-hold-does = put the call on hold, or resume it
key-star-recording-does = pause the recording, or resume it
key-star-log-off-does = log off from the seat

training = Training mode: the voters are simulated and nothing is saved. The page shows what the simulated voter says.
