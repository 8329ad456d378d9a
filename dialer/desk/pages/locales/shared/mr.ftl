### डेस्कच्या सगळ्या पानांवरील शब्द मराठीत.

title = मतदान
language = भाषा
cancel = राहू द्या
sign-in = साइन इन करा
sign-out = साइन आउट

## काय चुकले

problem-wrong = नाव किंवा पासवर्ड चुकीचा आहे.
problem-locked = खूप वेळा चुकीचे लिहिले गेले. { $seconds } सेकंदांनी पुन्हा प्रयत्न करा.
problem-busy = खूप जण एकाच वेळी साइन इन करत आहेत. काही सेकंदांनी पुन्हा प्रयत्न करा.
problem-signed-out = आपण साइन आउट आहात. पुन्हा साइन इन करा.
problem-role = आपल्या भूमिकेला याची परवानगी नाही.
problem-values = हे समजले नाही. पान पुन्हा उघडा.
problem-broker-away = काही पाठवले नाही: ब्रोकरशी संपर्क नाही.
problem-no-desk = डेस्ककडून उत्तर नाही. नेटवर्क पाहा, मग पुन्हा प्रयत्न करा.
problem-other-site = विनंती दुसऱ्या पानावरून आली, म्हणून नाकारली.
problem-not-saved = जतन करता आले नाही: डेस्कच्या यंत्राची डिस्क पाहा.
problem-host = डेस्क त्याच्या स्वतःच्या पत्त्याने उघडा.
problem-nothing-here = इथे काही नाही.
problem-too-long = हे खूप मोठे आहे: काहीच झाले नाही. थोडक्यात लिहा.
problem-not-json = डेस्कला हे पान समजले नाही. पान पुन्हा उघडा.
problem-no-command = डेस्कला हा आदेश माहीत नाही. पान पुन्हा उघडा.

## स्थिती

seat-offline = ऑफलाइन
seat-ready = तयार
seat-reserved = कॉल येत आहे
seat-talking = बोलणे चालू
seat-wrap-up = रॅप-अप
seat-paused = विरामावर
seat-lost = फोन तुटला

help-hold = होल्डवर
help-calling = मदतीला बोलावले जात आहे
help-consult = सल्ला
help-returning = मतदार परत येत आहेत
help-merging = मतदार जोडले जात आहेत
help-three-way = तिघे
recording-on = रेकॉर्डिंग
recording-paused = रेकॉर्डिंग थांबले

pause-break = सुट्टी
pause-preview-unanswered = दाखवलेल्या कॉलला उत्तर नाही
pause-meal = जेवण
pause-training = प्रशिक्षण
pause-meeting = बैठक
pause-technical = तांत्रिक
