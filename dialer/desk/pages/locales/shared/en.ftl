### Texts of every page, in English. A file with the same message ids adds another language.

title = Matdan
language = Language
cancel = Cancel
sign-in = Sign in
sign-out = Sign out

## Errors

problem-wrong = Wrong name or password.
problem-locked = Too many failed attempts. Try again in { $seconds } s.
problem-busy = Many people are signing in right now. Try again in a few seconds.
problem-signed-out = You are signed out. Sign in again.
problem-role = Your role does not allow this.
problem-values = The server did not accept the request. Reload the page.
problem-broker-away = Nothing was sent: the desk is not connected to the broker. Try again.
problem-no-desk = The desk does not answer. Check the network, then try again.
problem-other-site = Request rejected. It came from another website.
problem-not-saved = Not saved. Check the disk of the desk server.
problem-host = The desk is not available at this address. Open it at its configured address.
problem-nothing-here = Page not found.
problem-too-long = Too long: nothing was saved. Shorten it and try again.
problem-not-json = The server did not accept the request. Reload the page.
problem-no-command = Unknown command. Reload the page.

## States

seat-offline = offline
seat-ready = ready
seat-reserved = call incoming
seat-talking = talking
seat-wrap-up = wrap-up
seat-paused = paused
seat-lost = phone disconnected

help-hold = on hold
help-calling = calling another phone
help-consult = consulting another person
help-returning = reconnecting to the voter
help-merging = connecting all three
help-three-way = three-way call
recording-on = recording
recording-paused = recording paused

pause-break = break
pause-preview-unanswered = preview not answered
pause-meal = meal
pause-training = training
pause-meeting = meeting
pause-technical = technical problem
