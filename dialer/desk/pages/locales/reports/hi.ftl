### रिपोर्ट के शब्द हिन्दी में। बोर्ड के शब्द भी लोड होते हैं।

filter = रिपोर्ट का फ़िल्टर
filter-from = इस दिन से
filter-to = इस दिन तक
period-today = आज
period-yesterday = कल
period-week = पिछले 7 दिन

view-campaigns = अभियान
view-agents = एजेंट
view-abandoned = छूटी कॉल
view-trunks = ट्रंक

report-hours = घंटे के अनुसार कॉल
report-outcomes = कॉल के परिणाम
report-dispositions = एजेंटों के दर्ज नतीजे
report-agents = हर एजेंट का काम
report-agents-help = अभियान से केवल कॉल चुनी जाती हैं; एजेंट का समय किसी एक अभियान का नहीं होता।
report-pauses = कारण के अनुसार विराम
report-agent-dispositions = हर एजेंट के दर्ज नतीजे
report-windows = हर समय-खिड़की में छूटी कॉल की सबसे ऊँची दर
report-windows-help = उस दिन समाप्त हुई किसी भी समय-खिड़की की सबसे ऊँची दर। समय-खिड़की उस दिन से पहले शुरू हो सकती है।
report-trunks = ट्रंक
report-trunk-hours = घंटे के अनुसार हर ट्रंक की कॉल
report-trunk-statuses = SIP स्थिति के अनुसार कॉल के परिणाम
report-loading = रिपोर्ट लोड हो रही है
report-empty = इस फ़िल्टर के लिए कुछ दर्ज नहीं है। दूसरी अवधि या दूसरा अभियान चुनें।
report-first-rows = { $rows } में से पहली { $shown } पंक्तियाँ। फ़ाइलों में सभी पंक्तियाँ हैं।
files-of = रिपोर्ट की फ़ाइलें: { $report }
download-as = { $format } के रूप में डाउनलोड करें
total = कुल
none-entered = कुछ दर्ज नहीं
hours-summary = { $attempts } कॉल, { $answered } के उत्तर मिले, { $contacts } संपर्क, { $abandoned } छूटीं।
trunks-summary = सबसे व्यस्त ट्रंकों की घंटे के अनुसार कॉल: { $trunks }।
windows-summary = हर समय-खिड़की में हर दिन छूटी कॉल की सबसे ऊँची दर, उसकी सीमा के साथ।
cap-met-yes = सीमा के भीतर
cap-met-no = सीमा से ऊपर

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
column-agent = एजेंट
column-logged-in-seconds = लॉग इन समय
column-talking-seconds = बातचीत
column-wrap-up-seconds = कॉल के बाद का काम
column-ready-seconds = तैयार
column-paused-seconds = विराम
column-utilisation = उपयोग
column-handling-seconds = प्रति कॉल समय
column-contacts-per-hour = प्रति घंटा संपर्क
column-pause-reason = विराम का कारण
column-pauses = विराम की संख्या
column-window-hours = समय-खिड़की
column-highest-rate = सबसे ऊँची दर
column-cap = सीमा
column-cap-met = परिणाम
column-trunk = ट्रंक
column-sip-status = SIP स्थिति
column-seizures = कॉल
column-failures = विफल कॉल
column-failure-share = विफल हिस्सा
column-mean-seconds-to-ringing = घंटी बजने तक का समय
column-most-starts-in-a-second = एक सेकंड में सबसे अधिक कॉल

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
