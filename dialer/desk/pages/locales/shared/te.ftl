title = Matdan
language = భాష
cancel = రద్దు చేయండి
sign-in = సైన్ ఇన్ చేయండి
sign-out = సైన్ అవుట్

problem-wrong = పేరు లేదా పాస్‌వర్డ్ తప్పు.
problem-locked = చాలాసార్లు తప్పు ప్రయత్నాలు జరిగాయి. { $seconds } సెకన్ల తర్వాత మళ్లీ ప్రయత్నించండి.
problem-busy = ఇప్పుడు చాలా మంది సైన్ ఇన్ అవుతున్నారు. కొన్ని సెకన్ల తర్వాత మళ్లీ ప్రయత్నించండి.
problem-signed-out = మీరు సైన్ అవుట్ అయ్యారు. మళ్లీ సైన్ ఇన్ చేయండి.
problem-role = మీ పాత్రలో దీనికి అనుమతి లేదు.
problem-values = సర్వర్ అభ్యర్థనను ఒప్పుకోలేదు. పేజీని రీలోడ్ చేయండి.
problem-broker-away = ఏమీ పంపలేదు: డెస్క్‌కు బ్రోకర్‌తో కనెక్షన్ లేదు. మళ్లీ ప్రయత్నించండి.
problem-no-desk = డెస్క్ జవాబు ఇవ్వడం లేదు. నెట్‌వర్క్ చూసి, మళ్లీ ప్రయత్నించండి.
problem-other-site = అభ్యర్థనను తిరస్కరించారు. అది వేరే వెబ్‌సైట్ నుండి వచ్చింది.
problem-not-saved = సేవ్ కాలేదు. డెస్క్ సర్వర్ డిస్క్ చూడండి.
problem-host = ఈ అడ్రస్‌లో Matdan అందుబాటులో లేదు. మీ అడ్మిన్ ఇచ్చిన అడ్రస్‌ను తెరవండి.
problem-nothing-here = పేజీ కనబడలేదు.
problem-too-long = చాలా పొడవుగా ఉంది: ఏమీ సేవ్ కాలేదు. చిన్నది చేసి, మళ్లీ ప్రయత్నించండి.
problem-not-json = సర్వర్ అభ్యర్థనను ఒప్పుకోలేదు. పేజీని రీలోడ్ చేయండి.
problem-no-command = తెలియని ఆదేశం. పేజీని రీలోడ్ చేయండి.

seat-offline = ఆఫ్‌లైన్
seat-ready = సిద్ధం
seat-reserved = కాల్ వస్తోంది
seat-talking = మాట్లాడుతున్నారు
seat-wrap-up = ర్యాప్-అప్
seat-paused = పాజ్‌లో
seat-lost = ఫోన్ కనెక్షన్ తెగింది

help-hold = హోల్డ్‌లో
phone-on-hold = ఫోన్ నుండి హోల్డ్‌లో
help-calling = వేరే ఫోన్‌కు కాల్ చేస్తోంది
help-consult = సంప్రదింపు
help-returning = ఓటరును మళ్లీ కలుపుతోంది
help-merging = ముగ్గురినీ కలుపుతోంది
help-three-way = ముగ్గురి కాల్
recording-on = రికార్డింగ్ జరుగుతోంది
recording-paused = రికార్డింగ్ ఆగింది

pause-break = విరామం
pause-preview-unanswered = ప్రివ్యూకు జవాబు లేదు
pause-meal = భోజనం
pause-training = శిక్షణ
pause-meeting = సమావేశం
pause-technical = సాంకేతిక సమస్య
