### डेस्क के सभी पेजों के शब्द हिन्दी में।

title = मतदान
language = भाषा
cancel = रहने दें
sign-in = साइन इन करें
sign-out = साइन आउट

## क्या गड़बड़ हुई

problem-wrong = नाम या पासवर्ड गलत है।
problem-locked = बहुत बार गलत लिखा गया। { $seconds } सेकंड बाद फिर कोशिश करें।
problem-busy = बहुत लोग एक साथ साइन इन कर रहे हैं। कुछ सेकंड बाद फिर कोशिश करें।
problem-signed-out = आप साइन आउट हैं। फिर से साइन इन करें।
problem-role = आपकी भूमिका में यह करने की अनुमति नहीं है।
problem-values = यह समझ में नहीं आया। पेज फिर से खोलें।
problem-broker-away = कुछ भेजा नहीं गया: ब्रोकर से संपर्क नहीं है।
problem-no-desk = डेस्क से जवाब नहीं मिला। नेटवर्क देखें, फिर कोशिश करें।
problem-other-site = अनुरोध किसी और पेज से आया, इसलिए रोका गया।
problem-not-saved = सहेजा नहीं गया। डेस्क की मशीन की डिस्क जाँचें।
problem-host = डेस्क को उसके अपने पते से खोलें।
problem-nothing-here = पेज नहीं मिला।
problem-too-long = बहुत लंबा है: कुछ सहेजा नहीं गया। छोटा करके फिर कोशिश करें।
problem-not-json = डेस्क इस पेज को नहीं समझा। पेज फिर से खोलें।
problem-no-command = डेस्क इस आदेश को नहीं जानता। पेज फिर से खोलें।

## स्थिति

seat-offline = ऑफ़लाइन
seat-ready = तैयार
seat-reserved = कॉल आ रही है
seat-talking = बातचीत में
seat-wrap-up = रैप-अप
seat-paused = विराम पर
seat-lost = फ़ोन कटा

help-hold = होल्ड पर
help-calling = सहायता बुलाई जा रही
help-consult = परामर्श
help-returning = मतदाता वापस आ रहे
help-merging = मतदाता जुड़ रहे
help-three-way = तीन लोग
recording-on = रिकॉर्डिंग
recording-paused = रिकॉर्डिंग रुकी

pause-break = अवकाश
pause-preview-unanswered = दिखाई गई कॉल का उत्तर नहीं
pause-meal = भोजन
pause-training = प्रशिक्षण
pause-meeting = बैठक
pause-technical = तकनीकी
