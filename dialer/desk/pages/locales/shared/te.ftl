### Telugu, as far as buttons and signs go; what is not here is said in English.

language = భాష
cancel = వద్దు
sign-in = సైన్ ఇన్ చేయండి
seat-offline = ఆఫ్‌లైన్
seat-ready = సిద్ధం
seat-reserved = కాల్ వస్తోంది
seat-talking = మాట్లాడుతున్నారు
seat-paused = విరామంలో
pause-break = విరామం
pause-preview-unanswered = చూపిన కాల్‌కు జవాబు లేదు
pause-meal = భోజనం
pause-training = శిక్షణ
pause-meeting = సమావేశం
