### अभियान बनाने के पेज के शब्द हिन्दी में। बोर्ड के शब्द भी लोड होते हैं।

campaign-state = स्थिति
campaign-content = स्क्रिप्ट या कॉल फ़्लो
campaign-action = कार्रवाइयाँ
campaigns-help = सभी अभियान मतदाता सूचियों के नंबरों पर कॉल करते हैं। सूचियाँ "मतदाता सूचियाँ" में आयात करें।

new-campaign = नया अभियान
edit-campaign = अभियान { $campaign } बदलें
remove-campaign = अभियान { $campaign } हटाएँ
campaign-edit = बदलें
campaign-remove = हटाएँ
not-set = तय नहीं
hours-start = कॉल के समय की शुरुआत
hours-until = कॉल के समय का अंत
hours-add = एक और अवधि जोड़ें
hours-remove = यह अवधि हटाएँ

check-incomplete = ज़रूरी खाने भरें। तब अभियान की कॉल के नियमों से जाँच होगी।
check-running = अभियान की जाँच हो रही है
check-problems = अभियान सहेजने से पहले चिह्नित खाने ठीक करें।
rules-say = जाँच का परिणाम
finding-ok = कोई समस्या नहीं
finding-warning = ध्यान दें
finding-error = ठीक करना ज़रूरी
will-be-written = { $file } में बदलाव
nothing-changed = अभी कुछ नहीं बदला है।
also-applied = दूसरी सेटिंग भी बदली हैं और साथ ही लागू होंगी: { $settings }
needs-restart = डायलर दोबारा चालू होने तक बदलाव स्वीकार नहीं करेगा, क्योंकि ये सेटिंग बदली हैं: { $settings }
campaign-save = अभियान सहेजें
campaign-help-add = अभियान विराम पर सहेजा जाता है। "अभियान शुरू करें" दबाने तक कोई कॉल नहीं लगती।
campaign-saved-add = अभियान { $campaign } सहेजा गया और विराम पर है।
campaign-help-edit = बदलाव तुरंत लागू होता है, अभियान चालू हो तब भी। चल रही कॉल जारी रहती हैं।
campaign-help-remove = अभियान और कॉल नहीं लगाता। चल रही कॉल जारी रहती हैं। उसके परिणाम रिपोर्टों में रहते हैं।
campaign-saved-edit = अभियान { $campaign } बदला गया।
campaign-saved-remove = अभियान { $campaign } हटाया गया।
campaign-refused = डायलर ने बदलाव स्वीकार नहीं किया, इसलिए कुछ सहेजा नहीं गया: { $text }
campaign-unanswered = बदलाव सहेजा गया, पर डायलर ने जवाब नहीं दिया। सेटिंग अगली बार लोड होने पर बदलाव लागू होगा।

what-if = डायल करने के तरीके का सिम्युलेशन
what-if-help = दो घंटे की डायलिंग सिम्युलेट होती है, जिसमें सभी एजेंट इसी अभियान के हैं। दूसरे अभियान और ट्रंकों की सीमाएँ शामिल नहीं।
what-if-agents = एजेंट
what-if-answer-rate = उत्तर मिली कॉल (%)
what-if-talk = औसत बातचीत (सेकंड)
what-if-run = सिम्युलेट करें
what-if-running = सिम्युलेशन चल रहा है
what-if-idle = एजेंट दो कॉल के बीच { $seconds } सेकंड प्रतीक्षा करता है।
what-if-contacts = एक घंटे में एजेंटों से जुड़े मतदाता: { $contacts }
what-if-abandoned = छूटी कॉल की दर { $rate }, सीमा { $limit }

problem-simulation-running = दूसरा सिम्युलेशन चल रहा है। कुछ सेकंड बाद फिर कोशिश करें।
problem-no-campaigns-file = यहाँ अभियान नहीं बदले जा सकते। एडमिन से कहें कि `desk.campaigns_file` तय करें और डेस्क को दोबारा चालू करें।
problem-campaigns-changed = कुछ सहेजा नहीं गया: इस बीच किसी और ने अभियान बदले हैं। जाँच का नया परिणाम पढ़ें, फिर सहेजें।
problem-campaign-invalid = कुछ सहेजा नहीं गया: { $text }

## अभियान की सेटिंग

field-id = नाम
field-kind = मतदाताओं से कौन बात करेगा
field-purpose = उद्देश्य
field-script = एजेंटों की स्क्रिप्ट
field-flow = कॉल फ़्लो
field-pacing = डायल करने का तरीका
field-hours = कॉल का समय
field-trunks = ट्रंक
field-skill = एजेंट का ज़रूरी कौशल
field-weight = भार
field-channels = एक साथ अधिकतम कॉल
field-max-attempts = हर नंबर पर प्रयास
field-candidate = उम्मीदवार

help-id = अंग्रेज़ी के छोटे अक्षर, अंक और हाइफ़न। बोर्ड, रिपोर्ट और कमांड में यही नाम दिखता है।
help-kind = मतदाताओं से एजेंट बात करते हैं, या कॉल फ़्लो रिकॉर्डिंग सुनाकर उनके दबाए बटन पढ़ता है।
help-purpose = कॉल के नियम उद्देश्य पर निर्भर हैं।
help-script = एजेंट मतदाता को यही पढ़कर सुनाते हैं। यह अभियान के उद्देश्य के लिए लिखी होनी चाहिए।
help-flow = मतदाता क्या सुनते हैं और कौन से बटन दबा सकते हैं।
help-pacing = तय न हो तो कॉल एजेंट के खाली होने से पहले डायल होती हैं; बूथ कार्यकर्ताओं की कॉल खाली एजेंट की प्रतीक्षा करती हैं।
help-hours = केंद्र के समय क्षेत्र में। क़ानूनी समय भी लागू रहता है।
help-trunks = मतदाता को इन ट्रंकों की कॉलर आईडी दिखती है। जिस पर पहले निशान लगाएँ, वह पहले उपयोग होता है। कोई निशान न हो तो सभी ट्रंक उपयोग होते हैं।
help-skill = केवल इस कौशल वाले एजेंटों को कॉल मिलती हैं। तय न हो तो सभी को।
help-weight = दूसरे अभियानों के भार की तुलना में एजेंटों के समय का हिस्सा।
help-channels = खाली हो तो ट्रंकों की सीमाएँ लागू होती हैं।
help-max-attempts = यह अभियान एक नंबर पर अधिकतम कितनी बार कॉल करता है।
help-candidate = जहाँ क़ानून खर्च की रिपोर्ट माँगता है, वहाँ यह नाम उसमें दिखता है।

kind-is-agents = एजेंट
kind-is-ivr = कॉल फ़्लो
purpose-is-turnout = मतदान की याद
purpose-is-material = प्रचार सामग्री
purpose-is-survey = सर्वेक्षण
purpose-is-booth-workers = बूथ कार्यकर्ताओं को कॉल
pacing-is-predictive = प्रेडिक्टिव (एजेंट के खाली होने से पहले डायल)
pacing-is-progressive = प्रोग्रेसिव (हर खाली एजेंट के लिए एक कॉल)
pacing-is-ratio = हर खाली एजेंट के लिए तय संख्या में कॉल
pacing-is-preview = प्रीव्यू (एजेंट पहले मतदाता को देखता है)
