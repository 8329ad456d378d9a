### डेस्कच्या सगळ्या पानांवरील शब्द मराठीत.

title = मतदान
language = भाषा
cancel = रद्द करा
sign-in = साइन इन करा
sign-out = साइन आउट करा

## काय चुकले

problem-wrong = नाव किंवा पासवर्ड चुकीचा आहे.
problem-locked = खूप वेळा चुकीचा प्रयत्न झाला. { $seconds } सेकंदांनी पुन्हा प्रयत्न करा.
problem-busy = आत्ता खूप जण साइन इन करत आहेत. काही सेकंदांनी पुन्हा प्रयत्न करा.
problem-signed-out = आपण साइन आउट आहात. पुन्हा साइन इन करा.
problem-role = आपल्या भूमिकेला याची परवानगी नाही.
problem-values = सर्व्हरने विनंती स्वीकारली नाही. पान पुन्हा लोड करा.
problem-broker-away = काही पाठवले नाही: डेस्क ब्रोकरशी जोडलेला नाही. पुन्हा प्रयत्न करा.
problem-no-desk = डेस्ककडून उत्तर नाही. नेटवर्क तपासा, मग पुन्हा प्रयत्न करा.
problem-other-site = विनंती नाकारली. ती दुसऱ्या वेबसाइटवरून आली होती.
problem-not-saved = जतन झाले नाही. डेस्कच्या सर्व्हरची डिस्क तपासा.
problem-host = या पत्त्यावर Matdan उपलब्ध नाही. आपल्या अ‍ॅडमिनने दिलेला पत्ता उघडा.
problem-nothing-here = पान सापडले नाही.
problem-too-long = खूप लांब आहे: काहीही जतन झाले नाही. लहान करा आणि पुन्हा प्रयत्न करा.
problem-not-json = सर्व्हरने विनंती स्वीकारली नाही. पान पुन्हा लोड करा.
problem-no-command = हा आदेश माहीत नाही. पान पुन्हा लोड करा.

## स्थिती

seat-offline = ऑफलाइन
seat-ready = तयार
seat-reserved = कॉल येत आहे
seat-talking = बोलणे चालू
seat-wrap-up = रॅप-अप
seat-paused = विरामावर
seat-lost = फोन तुटला

help-hold = होल्डवर
phone-on-hold = फोनवरून होल्डवर
help-calling = दुसऱ्या फोनवर कॉल लावत आहे
help-consult = सल्ला
help-returning = मतदार पुन्हा जोडले जात आहेत
help-merging = तिघे जोडले जात आहेत
help-three-way = तिघांचा कॉल
recording-on = रेकॉर्डिंग चालू
recording-paused = रेकॉर्डिंग थांबवले

pause-break = ब्रेक
pause-preview-unanswered = प्रीव्ह्यूला उत्तर दिले नाही
pause-meal = जेवण
pause-training = प्रशिक्षण
pause-meeting = बैठक
pause-technical = तांत्रिक अडचण
