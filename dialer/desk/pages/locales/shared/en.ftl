### What every page of the desk says, in English. In another language a file of the same names is all that is needed.

title = Matdan
language = Language
cancel = Cancel
sign-in = Sign in
sign-out = Sign out

## What went wrong

problem-wrong = Name or password is wrong.
problem-locked = Too many wrong tries. Try again in { $seconds } s.
problem-busy = Many people are signing in. Try again in a few seconds.
problem-signed-out = You are signed out. Sign in again.
problem-role = Your role may not do this.
problem-values = The desk does not understand this. Load the page again.
problem-broker-away = Nothing was sent: the desk has no connection to the broker.
problem-no-desk = The desk does not answer. Look at the network, then try again.
problem-other-site = The request came from another page and was refused.
problem-not-kept = It could not be kept: look at the disk of the desk's machine.
problem-host = Open the desk by its own address.
problem-nothing-here = There is nothing here.
problem-too-long = This is too long: nothing was done. Make it shorter.
problem-not-json = The desk does not understand this page. Load it again.
problem-no-command = The desk does not know this command. Load the page again.

## How things stand

seat-offline = offline
seat-ready = ready
seat-reserved = call coming
seat-talking = talking
seat-wrap-up = wrap-up
seat-paused = paused
seat-lost = phone lost

help-hold = on hold
help-calling = calling for help
help-consult = consult
help-returning = the voter comes back
help-merging = the voter joins
help-three-way = three-way
recording-on = recording
recording-paused = recording paused

pause-break = break
pause-preview-unanswered = preview not answered
pause-meal = meal
pause-training = training
pause-meeting = meeting
pause-technical = technical
