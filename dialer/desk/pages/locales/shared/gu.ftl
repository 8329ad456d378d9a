### Gujarati, as far as buttons and signs go; what is not here is said in English.

language = ભાષા
cancel = રહેવા દો
sign-in = સાઇન ઇન કરો
seat-offline = ઑફલાઇન
seat-ready = તૈયાર
seat-reserved = કૉલ આવે છે
seat-talking = વાત ચાલુ
seat-paused = વિરામ પર
pause-break = વિરામ
pause-preview-unanswered = બતાવેલા કૉલનો જવાબ નહીં
pause-meal = જમવાનું
pause-training = તાલીમ
pause-meeting = મીટિંગ
