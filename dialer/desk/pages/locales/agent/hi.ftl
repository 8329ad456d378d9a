### एजेंट के पेज के शब्द हिन्दी में।

title-agent = एजेंट की डेस्क

## साइन इन

agent-number = एजेंट नंबर
pin = पिन
seat = सीट
choose-seat = अपनी सीट चुनें
seat-in-use = किसी के पास है
phone-own = आप सीट के फ़ोन पर बात करेंगे: साइन इन के बाद उसकी घंटी बजेगी।
phone-browser = आप इसी ब्राउज़र से, हेडसेट लगाकर बात करेंगे।
open-elsewhere = सीट { $seat } किसी दूसरी विंडो में या दूसरे कंप्यूटर पर खुली है। वहीं काम करें, या उसे यहाँ ले लें।
used-elsewhere = सीट { $seat } अब दूसरी विंडो में इस्तेमाल हो रही है। केवल वहाँ की प्रविष्टियाँ सहेजी जाती हैं।
use-here = यहाँ ले लें
agent = एजेंट { $agent }

problem-pin-wrong = एजेंट नंबर या पिन गलत है।
problem-seat-locked = इस सीट पर बहुत बार गलत लिखा गया। 15 मिनट रुकें, या पर्यवेक्षक से खुलवाएँ।
problem-agent-elsewhere = आप सीट { $seat } पर साइन इन हैं। पहले वहाँ लॉग ऑफ़ करें।
problem-seat-taken = यह सीट किसी और के पास है।
problem-no-seat = यह सीट अब नहीं है। पेज फिर से खोलें।
problem-clocks = डेस्क और डायलर की घड़ियाँ अलग हैं। पर्यवेक्षक को बताएँ।
problem-phone-kind = इस सीट का फ़ोन दूसरी तरह का है। पेज फिर से खोलें।
problem-no-agents = यहाँ एजेंट साइन इन नहीं कर सकते: केंद्र ने इसे चालू नहीं किया है।
problem-refused = डायलर का उत्तर: { $text }
problem-away = कुछ नहीं हुआ: डेस्क का ब्रोकर से संपर्क नहीं है। फिर कोशिश करें।
problem-unanswered = डायलर ने जवाब नहीं दिया। फिर कोशिश करें।
problem-open-elsewhere = सीट दूसरी विंडो में खुली है।
problem-late = वह कॉल समाप्त हो चुकी है: कुछ नहीं हुआ।
problem-note-late = कॉल ख़त्म हो चुकी है: नोट सहेजा नहीं गया।

## सीट की स्थिति

time-left = { $left } शेष
wrap-up-left = रैप-अप का शेष समय
stale-desk = डेस्क से { $ago } से कोई अपडेट नहीं। पेज पुराना हो सकता है।
stale-broker = डायलर से { $ago } से कोई अपडेट नहीं। पेज पुराना हो सकता है।
stale-dialler = डायलर का डेस्क से संपर्क टूट गया है। पेज पुराना हो सकता है।
phone-keys-work = कॉल चलती रहती है, और फ़ोन के बटनों से नतीजे अब भी दर्ज होते हैं।
seat-controls = आपकी सीट
call-controls = कॉल
idle-ready = अगले मतदाता की प्रतीक्षा
idle-reserved = मतदाता की कॉल आ रही है
idle-talking = मतदाता लाइन पर है। कौन है, यह अभी दिखेगा।
idle-wrap-up = कॉल समाप्त हुई।
idle-paused = आप विराम पर हैं। कोई कॉल नहीं आएगी।
idle-lost = आपका फ़ोन लाइन पर नहीं है। हर कुछ सेकंड में उसकी घंटी बजती है: उसे उठाएँ।
idle-offline = आप लॉग ऑफ़ हैं।
idle-unknown = आपकी सीट की सूचना की प्रतीक्षा
call-cancelled = कॉल वापस ले ली गई: मतदाता ने नहीं उठाया, या अब उन्हें फ़ोन करने की ज़रूरत नहीं।

## पेज का फ़ोन

phone = आपका फ़ोन
phone-state-off = फ़ोन बंद
phone-state-asking = माइक्रोफ़ोन की अनुमति दें
phone-state-registering = फ़ोन जुड़ रहा है…
phone-state-ready = फ़ोन तैयार
phone-state-on-call = फ़ोन लाइन पर
phone-state-lost = फ़ोन कटा
phone-state-refused = फ़ोन नहीं
phone-level = माइक्रोफ़ोन
phone-microphone = माइक्रोफ़ोन
phone-speaker = स्पीकर
phone-default-device = जो कंप्यूटर में चुना है
phone-mute = आवाज़ बंद करें
phone-muted = आवाज़ बंद: मतदाता आपको नहीं सुन रहे
phone-check-help = बोलिए: आप ख़ुद को वैसे ही सुनेंगे जैसे मतदाता सुनेंगे।
phone-check = आवाज़ जाँचें
phone-checking = अब बोलिए…
phone-check-passed = आपकी आवाज़ सुनी गई, और आपको भी सुनाई दी होगी।
phone-reconnect = फिर जोड़ें
phone-problem-microphone-refused = ब्राउज़र को माइक्रोफ़ोन की अनुमति नहीं है। पेज के पते के पास अनुमति दें, फिर जोड़ें।
phone-problem-no-microphone = माइक्रोफ़ोन नहीं है। हेडसेट लगाएँ, फिर जोड़ें।
phone-problem-microphone-busy = माइक्रोफ़ोन किसी दूसरे प्रोग्राम के पास है। उसे बंद करें, फिर जोड़ें।
phone-problem-microphone-gone = माइक्रोफ़ोन हट गया: मतदाता आपको नहीं सुन रहे। हेडसेट लगाएँ।
phone-problem-not-secure = ब्राउज़र इस पते को माइक्रोफ़ोन नहीं देता। डेस्क को उसके https पते से खोलें।
phone-problem-taken = अब दूसरी विंडो इस सीट का फ़ोन है।
phone-problem-signed-out = आप साइन आउट हैं। फिर से साइन इन करें।
phone-problem-not-registered = स्विच इस फ़ोन को नहीं पहचानता। पर्यवेक्षक को बताएँ।
phone-problem-no-desk = फ़ोन का डेस्क से संपर्क टूटा है और वह अपने आप फिर जुड़ेगा। चल रही कॉल चलती रहती है।
phone-problem-no-echo = कुछ सुनाई नहीं दिया। हेडसेट और माइक्रोफ़ोन देखें, फिर जाँचें।
phone-problem-not-ready = फ़ोन अभी जुड़ा नहीं है। कुछ पल बाद फिर जाँचें।
phone-problem-own-phone = इस सीट का अपना फ़ोन है। पेज फिर से खोलें।
phone-problem-no-phone = केंद्र ने ब्राउज़र में फ़ोन चालू नहीं किया है। पर्यवेक्षक को बताएँ।
phone-problem-other = फ़ोन काम नहीं कर रहा। फिर जोड़ें, या पर्यवेक्षक को बताएँ।

## लाइन पर कौन है

on-the-line = लाइन पर
next-voter = जिन्हें फ़ोन करना है
booth-worker = बूथ कार्यकर्ता
not-in-list = हमारी सूची में नहीं
relation-f = पिता
relation-m = माता
relation-h = पति
relation-o = संबंधी
gender-m = पुरुष
gender-f = महिला
gender-o = तृतीय लिंग
age = { $age } वर्ष
house = मकान
serial = क्रम { $serial }
booth = बूथ
part = भाग { $part }
poll-closes = मतदान { $hours }: समाप्त होने में { $left }
poll-closed = मतदान { $hours }: समाप्त
poll-opens = मतदान { $day } को, { $hours }
household-pending = इनके बारे में पूछें: { $voters }
household-others = इस नंबर पर अन्य
other-outcome = अन्य…
other-outcome-of = { $name } के लिए अन्य
show-all = पूरा दिखाएँ
show-less = छोटा करें
opted-out = इस नंबर ने कॉल न करने को कहा है। धन्यवाद कहकर फ़ोन रखें।
recorded-elsewhere = अभी दूसरी जगह से पता चला
about-call = इस कॉल के बारे में
previous-note = टिप्पणी
lawful = हम फ़ोन क्यों कर सकते हैं
lawful-called-us = मतदाता ने हमें फ़ोन किया।
lawful-asked-for = मतदाता ने यह कॉल माँगी थी।
lawful-consent = मतदाता ने कॉल की सहमति दी है।
lawful-not-listed = नंबर किसी डू-नॉट-कॉल रजिस्टर ({ $registers }) में नहीं है, और यह कॉल का समय है।
lawful-allowed = नियम इस समय कॉल की अनुमति देते हैं।
lawful-unknown = दर्ज नहीं है। मतदाता पूछें तो पर्यवेक्षक से पूछें।
marks = हमें क्या पता है
at-hour = { $hour }:00 बजे
previous-calls = { $calls ->
    [0] पहले फ़ोन नहीं किया गया
   *[other] पहले { $calls } बार फ़ोन किया गया
}
previous-calls-latest = केवल पिछली { $calls } कॉल दिखाई गई हैं।

mark-voted = वोट दे चुके
mark-not-yet = अभी नहीं
mark-later = बाद में जाएँगे
mark-will-not = वोट नहीं देंगे
mark-wrong-number = गलत नंबर
mark-moved = कहीं और रहने चले गए
mark-deceased = दिवंगत
source-voter-key = मतदाता ने बटन से
source-agent = एजेंट
source-relative = परिजन
source-booth-worker = बूथ कार्यकर्ता
source-import = सूची
source-correction = सुधार
ended-connected = बात हुई
ended-completed = अंत तक सुना
ended-left = सुनते हुए फ़ोन रखा
ended-abandoned = कोई एजेंट खाली नहीं था
ended-dropped = प्रतीक्षा में फ़ोन रखा
ended-machine = आंसरिंग मशीन
ended-busy = व्यस्त
ended-no-answer = नहीं उठाया
ended-invalid-number = ऐसा नंबर नहीं
ended-congestion = नेटवर्क व्यस्त
ended-rejected = कॉल काटी गई
ended-carrier-failure = नेटवर्क में खराबी
ended-cancelled = वापस ली गई
ended-refused = लगाई नहीं गई
ended-missed = मिस्ड कॉल
ended-unknown = पता नहीं

## स्क्रिप्ट

script = स्क्रिप्ट
script-back = पीछे
script-next = आगे
answers = उत्तर

## जो कॉल एजेंट लगाता है

preview = अभी डायल नहीं हुआ
preview-help = देखें कि कौन है, फिर डायल करें या छोड़ें।
preview-dials = { $left } में अपने आप डायल होगा
preview-ends = { $left } में वापस ले लिया जाएगा
dialling = मतदाता को फ़ोन लगाया जा रहा है…
skip-reason = अभी क्यों नहीं?
skip-hour = समय ठीक नहीं
skip-language = दूसरी भाषा
skip-known = मैं इस मतदाता को जानता/जानती हूँ
skip-entry = सूची में ग़लती है
skip-other = कोई और कारण
manual = नंबर डायल करें
manual-help = केवल हमारी सूची के नंबर पर, और नियमों के अनुसार ही फ़ोन होता है।
manual-number = फ़ोन नंबर
manual-recent = जो आपकी स्क्रीन पर थे
do-seat-dial = डायल करें
do-seat-preview-dial = डायल करें
do-seat-preview-skip = छोड़ें
done-seat-dial = डायल किया गया।
done-seat-preview-dial = डायल किया गया।
done-seat-preview-skip = छोड़ दिया: यह नंबर बाद में फिर आएगा।
problem-no-number = यह फ़ोन नंबर नहीं है। अंक देख लें।

## नतीजा

outcome = नतीजा
outcome-voted = वोट दे चुके
outcome-not-yet = अभी नहीं
outcome-later = बाद में जाएँगे
outcome-will-not = वोट नहीं देंगे
outcome-wrong-number = गलत नंबर
outcome-call-back = फिर फ़ोन करें
outcome-language = दूसरी भाषा
outcome-refused = बात से इनकार
outcome-opt-out = फिर कभी नहीं
outcome-machine = मशीन
outcome-moved = कहीं और रहने चले गए
outcome-deceased = दिवंगत
call-back-at = इस समय फिर…
own-call-back-at = मैं खुद इस समय फिर…
own-call-back = आप फिर फ़ोन करेंगे
next-key-for = अगला बटन इनके लिए
outcomes-entered = { $voters } में से { $spoken } पूरे
detail-later = कितने बजे?
detail-call-back = कितने बजे फिर फ़ोन करें?
detail-own-call-back = आप खुद कितने बजे फिर फ़ोन करेंगे?
detail-language = कौन-सी भाषा?
language-unknown = कोई और
save-entered = बस इतना: दर्ज करें
note = टिप्पणी
note-unsaved = टिप्पणी अभी सहेजी नहीं गई है।
note-saved = टिप्पणी सहेज ली गई।
note-refused = टिप्पणी सहेजी नहीं गई।
entries = आपकी प्रविष्टियाँ
previous-call = पिछली कॉल
entry-waiting = कुछ पल में सहेजा जाएगा
entry-sending = सहेजा जा रहा है…
entry-retrying = अभी सहेजा नहीं गया; फिर कोशिश हो रही है
entry-saved = सहेजा गया
entry-saved-without-note = टिप्पणी के बिना सहेजा गया। टिप्पणी फिर से लिखें, या सुपरवाइज़र को बताएँ।
entry-refused = सहेजा नहीं गया
entry-undoing = वापस लिया जा रहा है…
undo = वापस लें
save-now = अभी सहेजें
dismiss = देखा
undone = वापस लिया गया। बताइए कि क्या था।
undo-unanswered = डायलर ने जवाब नहीं दिया: पता नहीं कि वापस लिया गया या नहीं। पर्यवेक्षक को बताएँ।
nothing-to-undo = वापस लेने के लिए कुछ नहीं है।
correcting = { $name }: क्या था?
keep-outcome = रहने दें
entry-late = यह समाप्त हो चुकी कॉल के लिए था। कुछ सहेजा नहीं गया।
too-soon = अभी नई कॉल आई है। कुछ सहेजा नहीं गया। देखें कि कौन है, फिर दबाएँ।
voter-not-connected = मतदाता अभी लाइन पर नहीं है।
invalid-hour = मतदान समाप्त होने से पहले का कोई आगे का घंटा दें: दो अंक, या जो अंक दिखाया गया है।
no-hours-left = मतदान या दिन समाप्त होने से पहले आज कोई घंटा नहीं बचा: "बाद में" अब संभव नहीं।
invalid-language = दिखाए गए अंकों में से कोई दबाएँ।
refused-call-over = वह कॉल और उसका रैप-अप समाप्त हो चुका है।
refused-too-late-to-undo = देर हो गई: जो था वही रहेगा।
refused-already-published = इस नंबर पर अब फ़ोन नहीं होगा, और यह ऐसा ही रहेगा: दूसरे केंद्रों को बता दिया गया है।
refused-no-call = कोई कॉल नहीं है जिसके बारे में बताया जाए।
refused-other-script = उत्तर किसी दूसरी स्क्रिप्ट के हैं।
refused-no-channel = सभी लाइनें व्यस्त हैं। कुछ पल बाद फिर कोशिश करें।
refused-campaign-held = अभी यह अभियान किसी को फ़ोन नहीं करता: वह रोका गया है, या कॉल का समय नहीं है।
refused-forbidden-now = नियम अभी इस कॉल की अनुमति नहीं देते।
refused-number-on-a-call = उस नंबर का कोई व्यक्ति अभी दूसरी कॉल पर है।
refused-not-listed = यह नंबर आपके अभियानों की सूची में नहीं है। किसी और को फ़ोन नहीं किया जा सकता।
refused-not-due = इस नंबर पर अभी फ़ोन नहीं हो सकता: थोड़ी देर पहले फ़ोन हुआ या छोड़ा गया था, या मतदाता ने बाद का समय माँगा है।
refused-number-closed = इस नंबर पर अब फ़ोन नहीं होगा: उसने मना किया है, या उस पर अब कोई बाकी नहीं।
refused-seat-not-free = आप किसी मतदाता के साथ हैं, या कोई कॉल आ रही हो सकती है। पहले विराम लें, फिर डायल करें।
refused-by-dialler = डायलर का उत्तर: { $text }

## आदेश

do-seat-ready = तैयार
do-seat-pause = विराम
do-seat-log-off = लॉग ऑफ़
do-seat-hang-up = फ़ोन रखें
do-seat-hold = होल्ड
do-seat-resume = होल्ड हटाएँ
do-seat-transfer = ट्रांसफ़र
do-seat-consult = परामर्श
do-seat-merge = तीनों साथ
do-seat-complete-transfer = उन्हें बात करने दें
do-seat-cancel-consult = दूसरे को हटाएँ
do-seat-pause-recording = रिकॉर्डिंग रोकें
do-seat-resume-recording = फिर रिकॉर्ड करें
done-seat-ready = अब आपको फिर कॉल मिलेंगी।
done-seat-pause = अब और कॉल नहीं; चल रही बातचीत पूरी होगी।
done-seat-log-off = इस कॉल के बाद आप लॉग ऑफ़ होंगे।
done-seat-hang-up = फ़ोन रखा गया।
done-seat-hold = मतदाता संगीत सुन रहे हैं।
done-seat-resume = मतदाता फिर आपको सुन रहे हैं।
done-seat-transfer = ट्रांसफ़र किया गया।
done-seat-consult = दूसरे फ़ोन पर कॉल लगाई जा रही है।
done-seat-merge = तीनों एक-दूसरे को सुन रहे हैं।
done-seat-complete-transfer = वे आपके बिना बात कर रहे हैं।
done-seat-cancel-consult = अब केवल मतदाता आपके साथ हैं।
done-seat-pause-recording = अब जो कहा जाएगा, वह रिकॉर्ड नहीं होगा।
done-seat-resume-recording = रिकॉर्डिंग फिर चल रही है।
ask-seat-log-off = आपको और कॉल नहीं मिलेंगी। चल रही बातचीत पूरी होगी।
message-from = { $sender }, { $at }:
message-mark-read = पढ़ लिया
seat-command-unanswered = डायलर ने जवाब नहीं दिया। फिर कोशिश से पहले सीट की स्थिति देखें।
unknown-key = इस बटन का कोई अर्थ नहीं है।

## अपने आँकड़े, बटन

own-day = आपका दिन
own-calls = कॉल
own-talked = बातचीत
own-wrap-up = रैप-अप
own-paused = विराम
own-call-backs = आज आपके फिर करने वाले फ़ोन
own-call-backs-help = आप तैयार हों तो ये अपने समय पर आपको मिलते हैं; उसके बाद किसी को भी।
keys = बटन
keys-help = फ़ोन के बटनों की तरह, किसी भी कीबोर्ड पर। लिखने की जगह पर वे लिखते हैं।
key-digits = 0–9
key-digits-does = उस अंक का नतीजा
key-letters = A B … ↑ ↓
key-letters-does = घर का कौन-सा मतदाता
key-enter = ↵
key-enter-does = अब तक जो बताया, उसे दर्ज करें; फिर: तैयार
key-preview = ↵ 0
key-preview-does = जो कॉल अभी डायल नहीं हुई: डायल करें, छोड़ें
key-plus = +
key-plus-does = किसी समय फिर फ़ोन करें
key-slash = /
key-slash-does = किसी समय आप खुद फिर फ़ोन करें
key-undo = ⌫
key-undo-does = 5 सेकंड के भीतर वापस लें
key-star-ready = *1
key-star-ready-does = तैयार
key-star-pause = *21 … *29
key-star-pause-does = विराम, कारण के साथ
key-star-hang-up = *3
key-star-hang-up-does = फ़ोन रखें
key-star-hold = *4 *5
key-star-hold-does = होल्ड, होल्ड हटाएँ
key-star-recording = *6 *7
key-star-recording-does = रिकॉर्डिंग रोकें, फिर रिकॉर्ड करें
key-star-log-off = *0
key-star-log-off-does = लॉग ऑफ़

training = प्रशिक्षण: यहाँ कोई मतदाता असली नहीं है, और कुछ भी सहेजा नहीं जाता। मतदाता जो कहता है, वह दिखाया जाता है।
