title = Matdan
language = ભાષા
cancel = રહેવા દો
sign-in = સાઇન ઇન કરો
sign-out = સાઇન આઉટ

problem-wrong = નામ અથવા પાસવર્ડ ખોટો છે.
problem-locked = ઘણી વાર ખોટું થયું. { $seconds } સેકન્ડ પછી ફરી પ્રયત્ન કરો.
problem-busy = ઘણા લોકો સાથે સાઇન ઇન કરી રહ્યા છે. થોડી સેકન્ડ પછી ફરી પ્રયત્ન કરો.
problem-signed-out = તમે સાઇન આઉટ થયા છો. ફરી સાઇન ઇન કરો.
problem-role = તમારી ભૂમિકાને આની છૂટ નથી.
problem-values = ડેસ્કને આ સમજાયું નહીં. પાનું ફરી ખોલો.
problem-broker-away = કંઈ મોકલાયું નથી: ડેસ્કનો બ્રોકર સાથે સંપર્ક નથી.
problem-no-desk = ડેસ્ક જવાબ આપતું નથી. નેટવર્ક જુઓ, પછી ફરી પ્રયત્ન કરો.
problem-other-site = વિનંતી બીજા પાનામાંથી આવી, એટલે લીધી નથી.
problem-not-saved = સાચવી શકાયું નહીં: ડેસ્કના મશીનની ડિસ્ક જુઓ.
problem-host = ડેસ્કને તેના પોતાના સરનામે ખોલો.
problem-nothing-here = અહીં કંઈ નથી.
problem-too-long = આ બહુ લાંબું છે: કંઈ થયું નથી. ટૂંકું કરો.
problem-not-json = ડેસ્કને આ સમજાયું નહીં. પાનું ફરી ખોલો.
problem-no-command = ડેસ્ક આ આદેશ જાણતું નથી. પાનું ફરી ખોલો.

seat-offline = ઑફલાઇન
seat-ready = તૈયાર
seat-reserved = કૉલ આવે છે
seat-talking = વાત ચાલુ
seat-wrap-up = કૉલ પછીનું કામ
seat-paused = વિરામ પર
seat-lost = ફોન નથી

help-hold = હોલ્ડ પર
help-calling = મદદ માટે ફોન થાય છે
help-consult = સલાહ
help-returning = મતદાર પાછા આવે છે
help-merging = મતદાર જોડાય છે
help-three-way = ત્રણની વાત
recording-on = રેકોર્ડ થાય છે
recording-paused = રેકોર્ડિંગ અટક્યું છે

pause-break = વિરામ
pause-preview-unanswered = બતાવેલા કૉલનો જવાબ નહીં
pause-meal = જમવાનું
pause-training = તાલીમ
pause-meeting = મીટિંગ
pause-technical = તકનીકી તકલીફ
