### Texts of every page, in English. A file with the same message ids adds another language.

title = Matdan
language = Language
cancel = Cancel
sign-in = Sign in
sign-out = Sign out

## Errors

problem-wrong = Wrong name or password.
problem-locked = Too many failed attempts. Try again in { $seconds } s.
problem-busy = Many people are signing in right now. Try to sign in again in a few seconds.
problem-signed-out = You are signed out. Sign in again.
problem-role = Your role does not allow this action.
problem-values = The server did not accept the request. Reload the page and try again.
problem-broker-away = Nothing was sent: the desk server is not connected to the MQTT broker. Try again.
problem-no-desk = The desk server does not answer. Check the network, then try again.
problem-other-site = Request rejected. It came from another website.
problem-not-saved = The change was not saved. Check the disk of the desk server.
problem-host = Matdan is not available at this address. Open the address that your administrator gave you.
problem-nothing-here = Page not found.
problem-too-long = The text is too long: nothing was saved. Shorten it and try again.
problem-not-json = The server did not accept the request. Reload the page and try again.
problem-no-command = The server does not know this command. Reload the page.

## States

seat-offline = logged off
seat-ready = ready
seat-reserved = call incoming
seat-talking = on a call
seat-wrap-up = in wrap-up
seat-paused = calls paused
seat-lost = phone disconnected

help-hold = voter on hold
phone-on-hold = call put on hold with the agent's phone
help-calling = calling the person to consult
help-consult = talking to the consulted person
help-returning = reconnecting to the voter
help-merging = starting a three-way call
help-three-way = three-way call
recording-on = call being recorded
recording-paused = call recording paused

pause-break = on a break
pause-preview-unanswered = paused because a call preview expired
pause-meal = at a meal
pause-training = in training
pause-meeting = in a meeting
pause-technical = technical problem at the seat
