### डेस्क के सभी पेजों के शब्द हिन्दी में।

title = मतदान
language = भाषा
cancel = रहने दें
sign-in = साइन इन करें
sign-out = साइन आउट

## क्या गड़बड़ हुई

problem-wrong = नाम या पासवर्ड गलत है।
problem-locked = बहुत सारे विफल प्रयास। { $seconds } सेकंड बाद फिर कोशिश करें।
problem-busy = अभी बहुत लोग साइन इन कर रहे हैं। कुछ सेकंड बाद फिर साइन इन करें।
problem-signed-out = आप साइन आउट हैं। फिर से साइन इन करें।
problem-role = आपकी भूमिका को इस कार्रवाई की अनुमति नहीं है।
problem-values = सर्वर ने अनुरोध स्वीकार नहीं किया। पेज फिर से लोड करके कोशिश करें।
problem-broker-away = कुछ भेजा नहीं गया: डेस्क सर्वर का ब्रोकर से संपर्क नहीं है। फिर कोशिश करें।
problem-no-desk = डेस्क सर्वर से जवाब नहीं मिला। नेटवर्क जाँचें, फिर कोशिश करें।
problem-other-site = अनुरोध अस्वीकार किया गया। वह किसी दूसरी वेबसाइट से आया था।
problem-not-saved = बदलाव सहेजा नहीं गया। डेस्क सर्वर की डिस्क जाँचें।
problem-host = यह पेज इस पते पर उपलब्ध नहीं है। अपने एडमिन का दिया हुआ पता खोलें।
problem-nothing-here = पेज नहीं मिला।
problem-too-long = लेख बहुत लंबा है: कुछ सहेजा नहीं गया। छोटा करके फिर कोशिश करें।
problem-not-json = सर्वर ने अनुरोध स्वीकार नहीं किया। पेज फिर से लोड करके कोशिश करें।
problem-no-command = सर्वर इस आदेश को नहीं जानता। पेज फिर से लोड करें।

## स्थिति

seat-offline = लॉग-ऑफ़
seat-ready = कॉल के लिए तैयार
seat-reserved = कॉल आ रही है
seat-talking = कॉल पर
seat-wrap-up = रैप-अप में
seat-paused = विराम पर
seat-lost = फ़ोन कटा

help-hold = मतदाता होल्ड पर
phone-on-hold = कॉल एजेंट के फ़ोन से होल्ड पर रखी गई
help-calling = दूसरे फ़ोन पर कॉल
help-consult = दूसरे व्यक्ति से परामर्श
help-returning = मतदाता से फिर जोड़ा जा रहा
help-merging = तीन की बातचीत शुरू हो रही
help-three-way = तीन की बातचीत
recording-on = कॉल रिकॉर्ड हो रही
recording-paused = कॉल की रिकॉर्डिंग रुकी

pause-break = अवकाश
pause-preview-unanswered = एजेंट ने कॉल प्रीव्यू का उत्तर नहीं दिया
pause-meal = भोजन
pause-training = प्रशिक्षण
pause-meeting = बैठक
pause-technical = सीट पर तकनीकी समस्या
