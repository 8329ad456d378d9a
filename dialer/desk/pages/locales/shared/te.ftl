title = Matdan
language = భాష
cancel = వద్దు
sign-in = సైన్ ఇన్ చేయండి
sign-out = సైన్ అవుట్

problem-wrong = పేరు లేదా పాస్‌వర్డ్ తప్పు.
problem-locked = చాలాసార్లు తప్పు అయింది. { $seconds } సెకన్ల తర్వాత మళ్లీ ప్రయత్నించండి.
problem-busy = చాలా మంది ఒకేసారి సైన్ ఇన్ అవుతున్నారు. కొన్ని సెకన్ల తర్వాత మళ్లీ ప్రయత్నించండి.
problem-signed-out = మీరు సైన్ అవుట్ అయ్యారు. మళ్లీ సైన్ ఇన్ చేయండి.
problem-role = మీ పాత్రకు దీనికి అనుమతి లేదు.
problem-values = డెస్క్‌కు ఇది అర్థం కాలేదు. పేజీని మళ్లీ తెరవండి.
problem-broker-away = ఏమీ పంపలేదు: డెస్క్‌కు బ్రోకర్‌తో సంబంధం లేదు.
problem-no-desk = డెస్క్ స్పందించడం లేదు. నెట్‌వర్క్ చూసి మళ్లీ ప్రయత్నించండి.
problem-other-site = అభ్యర్థన వేరే పేజీ నుండి వచ్చింది, కాబట్టి తీసుకోలేదు.
problem-not-saved = భద్రపరచలేకపోయాం: డెస్క్ యంత్రం డిస్క్ చూడండి.
problem-host = డెస్క్‌ను దాని సొంత చిరునామాతో తెరవండి.
problem-nothing-here = ఇక్కడ ఏమీ లేదు.
problem-too-long = ఇది చాలా పొడవుగా ఉంది: ఏమీ చేయలేదు. చిన్నది చేయండి.
problem-not-json = డెస్క్‌కు ఇది అర్థం కాలేదు. పేజీని మళ్లీ తెరవండి.
problem-no-command = డెస్క్‌కు ఈ ఆదేశం తెలియదు. పేజీని మళ్లీ తెరవండి.

seat-offline = ఆఫ్‌లైన్
seat-ready = సిద్ధం
seat-reserved = కాల్ వస్తోంది
seat-talking = మాట్లాడుతున్నారు
seat-wrap-up = కాల్ తర్వాతి పని
seat-paused = విరామంలో
seat-lost = ఫోన్ లేదు

help-hold = హోల్డ్‌లో
help-calling = సాయం కోసం కాల్ చేస్తోంది
help-consult = సంప్రదింపు
help-returning = ఓటరు తిరిగి వస్తున్నారు
help-merging = ఓటరు చేరుతున్నారు
help-three-way = ముగ్గురి మాట
recording-on = రికార్డ్ అవుతోంది
recording-paused = రికార్డింగ్ ఆగింది

pause-break = విరామం
pause-preview-unanswered = చూపిన కాల్‌కు జవాబు లేదు
pause-meal = భోజనం
pause-training = శిక్షణ
pause-meeting = సమావేశం
pause-technical = సాంకేతిక సమస్య
