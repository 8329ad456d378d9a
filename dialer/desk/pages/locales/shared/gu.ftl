title = Matdan
language = ભાષા
cancel = રદ કરો
sign-in = સાઇન ઇન કરો
sign-out = સાઇન આઉટ કરો

problem-wrong = નામ અથવા પાસવર્ડ ખોટો છે.
problem-locked = ઘણી વાર ખોટો પ્રયત્ન થયો. { $seconds } સેકન્ડ પછી ફરી પ્રયત્ન કરો.
problem-busy = હમણાં ઘણા લોકો સાઇન ઇન કરે છે. થોડી સેકન્ડ પછી ફરી પ્રયત્ન કરો.
problem-signed-out = તમે સાઇન આઉટ થયા છો. ફરી સાઇન ઇન કરો.
problem-role = તમારી ભૂમિકાને આની છૂટ નથી.
problem-values = સર્વરે વિનંતી સ્વીકારી નહીં. પેજ ફરી લોડ કરો.
problem-broker-away = કંઈ મોકલાયું નથી: ડેસ્ક બ્રોકર સાથે જોડાયેલું નથી. ફરી પ્રયત્ન કરો.
problem-no-desk = ડેસ્ક જવાબ આપતું નથી. નેટવર્ક તપાસો, પછી ફરી પ્રયત્ન કરો.
problem-other-site = વિનંતી નકારી. તે બીજી વેબસાઇટ પરથી આવી હતી.
problem-not-saved = સચવાયું નથી. ડેસ્કના સર્વરની ડિસ્ક તપાસો.
problem-host = આ સરનામે Matdan મળતું નથી. તમારા એડમિને આપેલું સરનામું ખોલો.
problem-nothing-here = પેજ મળ્યું નહીં.
problem-too-long = બહુ લાંબું છે: કંઈ સચવાયું નથી. ટૂંકું કરો અને ફરી પ્રયત્ન કરો.
problem-not-json = સર્વરે વિનંતી સ્વીકારી નહીં. પેજ ફરી લોડ કરો.
problem-no-command = અજાણ્યો આદેશ. પેજ ફરી લોડ કરો.

seat-offline = ઑફલાઇન
seat-ready = તૈયાર
seat-reserved = કૉલ આવે છે
seat-talking = વાત ચાલુ
seat-wrap-up = કૉલ પછીનું કામ
seat-paused = વિરામ પર
seat-lost = ફોન કપાયો

help-hold = હોલ્ડ પર
phone-on-hold = ફોનથી હોલ્ડ પર
help-calling = બીજા ફોન પર કૉલ થાય છે
help-consult = સલાહ
help-returning = મતદાર ફરી જોડાય છે
help-merging = ત્રણે જોડાય છે
help-three-way = ત્રણનો કૉલ
recording-on = રેકોર્ડિંગ ચાલુ
recording-paused = રેકોર્ડિંગ અટકાવ્યું

pause-break = બ્રેક
pause-preview-unanswered = પ્રિવ્યૂનો જવાબ ન આપ્યો
pause-meal = જમવાનું
pause-training = તાલીમ
pause-meeting = મીટિંગ
pause-technical = તકનીકી તકલીફ
