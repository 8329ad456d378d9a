### रिपोर्ट के शब्द हिन्दी में। बोर्ड के शब्द भी लोड होते हैं।

filter = रिपोर्ट का फ़िल्टर
filter-from = इस दिन से
filter-to = इस दिन तक
period-today = आज
period-yesterday = कल
period-week = पिछले 7 दिन

view-campaigns = अभियान

report-hours = घंटे के अनुसार कॉल
report-outcomes = कॉल के परिणाम
report-dispositions = एजेंटों के दर्ज नतीजे
report-loading = रिपोर्ट लोड हो रही है
report-empty = इस फ़िल्टर के लिए कुछ दर्ज नहीं है। दूसरी अवधि या दूसरा अभियान चुनें।
report-first-rows = { $rows } में से पहली { $shown } पंक्तियाँ। फ़ाइलों में सभी पंक्तियाँ हैं।
files-of = रिपोर्ट की फ़ाइलें: { $report }
download-as = { $format } के रूप में डाउनलोड करें
total = कुल
none-entered = कुछ दर्ज नहीं
hours-summary = { $attempts } कॉल, { $answered } के उत्तर मिले, { $contacts } संपर्क, { $abandoned } छूटीं।

column-campaign = अभियान
column-day = दिन
column-hour = घंटा
column-attempts = कॉल
column-answered = उत्तर मिले
column-answer-seizure-ratio = उत्तर दर (ASR)
column-contacts = संपर्क
column-dispositions = नतीजे
column-live-answers = व्यक्ति ने उठाया
column-abandoned = छूटी कॉल
column-abandoned-rate = छूटी कॉल की दर
column-outcome = कॉल का परिणाम
column-calls = कॉल
column-share = हिस्सा
column-mean-seconds-to-answer = उत्तर तक का समय
column-mean-seconds-after-answer = उत्तर के बाद का समय
column-disposition = नतीजा

problem-report-period = पहला दिन आख़िरी दिन के बाद नहीं हो सकता। तारीख़ें ठीक करें।
problem-report-too-slow = रिपोर्ट में { $seconds } सेकंड से अधिक लगे, इसलिए उसे रोक दिया गया। छोटी अवधि या एक अभियान चुनें।
problem-report-too-long = फ़ाइल में बहुत अधिक पंक्तियाँ होतीं। छोटी अवधि, एक अभियान या दूसरा फ़ाइल प्रकार चुनें।
problem-reports-busy = अभी कई रिपोर्टें पढ़ी जा रही हैं। कुछ सेकंड बाद फिर प्रयास करें।

## कॉल कैसे समाप्त हुई

ended-live = कॉल जारी है
ended-connected = मतदाता ने एजेंट से बात की
ended-completed = मतदाता ने स्वचालित कॉल अंत तक सुनी
ended-left = मतदाता ने स्वचालित कॉल के दौरान फ़ोन रखा
ended-abandoned = मतदाता के लिए कोई एजेंट उपलब्ध नहीं था
ended-dropped = मतदाता ने एजेंट की प्रतीक्षा में फ़ोन रखा
ended-machine = आंसरिंग मशीन
ended-busy = लाइन व्यस्त
ended-no-answer = उत्तर नहीं
ended-invalid-number = ऐसा नंबर नहीं
ended-congestion = नेटवर्क व्यस्त
ended-rejected = फ़ोन या नेटवर्क ने कॉल अस्वीकार की
ended-carrier-failure = नेटवर्क में खराबी
ended-cancelled = उत्तर से पहले कॉल रद्द
ended-refused = कॉल नहीं लगाई गई
ended-missed = मतदाता की मिस्ड कॉल
ended-unknown = परिणाम अज्ञात

## एजेंट ने क्या दर्ज किया

outcome-voted = वोट दे चुके
outcome-not-yet = अभी वोट नहीं दिया
outcome-later = बाद में जाएँगे
outcome-will-not = वोट नहीं देंगे
outcome-wrong-number = गलत नंबर
outcome-call-back = बाद में कॉल चाहते हैं
outcome-language = दूसरी भाषा चाहिए
outcome-refused = बात से इनकार
outcome-opt-out = फिर कभी कॉल न करें
outcome-machine = आंसरिंग मशीन
outcome-moved = कहीं और रहने चले गए
outcome-deceased = दिवंगत
outcome-none = समय समाप्त होने तक कोई नतीजा नहीं
