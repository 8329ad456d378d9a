### एजंटच्या पानावरील शब्द मराठीत.

title-agent = एजंटचा डेस्क

## साइन इन

agent-number = एजंट क्रमांक
pin = पिन
seat = जागा
choose-seat = आपली जागा निवडा
seat-in-use = कोणाकडे तरी आहे
phone-own = आपण जागेवरच्या फोनवर बोलाल: साइन इन केल्यावर तो वाजेल.
phone-browser = आपण याच ब्राउझरमधून, हेडसेट लावून बोलाल.
open-elsewhere = जागा { $seat } दुसऱ्या विंडोत किंवा दुसऱ्या संगणकावर उघडी आहे. तिथेच काम करा, किंवा ती इथे घ्या.
used-elsewhere = जागा { $seat } आता दुसऱ्या विंडोत चालू आहे. तिथे जे सांगितले जाईल तेच धरले जाईल.
use-here = इथे घ्या
agent = एजंट { $agent }

problem-pin-wrong = एजंट क्रमांक किंवा पिन चुकीचा आहे.
problem-seat-locked = या जागेवर खूप वेळा चुकीचे लिहिले गेले. 15 मिनिटे थांबा, किंवा पर्यवेक्षकांकडून ती उघडून घ्या.
problem-agent-elsewhere = आपण जागा { $seat } वर साइन इन आहात. आधी तिथे लॉग ऑफ करा.
problem-seat-taken = ही जागा दुसऱ्या कोणाकडे आहे.
problem-no-seat = ही जागा आता नाही. पान पुन्हा उघडा.
problem-clocks = डेस्क आणि डायलर यांची घड्याळे वेगळी आहेत. पर्यवेक्षकांना सांगा.
problem-phone-kind = या जागेचा फोन वेगळ्या प्रकारचा आहे. पान पुन्हा उघडा.
problem-no-agents = इथे एजंट साइन इन करू शकत नाहीत: केंद्राने ते सुरू केलेले नाही.
problem-refused = डायलरचे उत्तर: { $text }
problem-away = काहीच झाले नाही: डेस्कचा ब्रोकरशी संपर्क नाही. पुन्हा प्रयत्न करा.
problem-unanswered = डायलरने उत्तर दिले नाही. पुन्हा प्रयत्न करा.
problem-open-elsewhere = जागा दुसऱ्या विंडोत उघडी आहे.
problem-note-late = कॉल संपला आहे: टीप नोंदवली नाही.
problem-late = तो कॉल संपला आहे: काहीच झाले नाही.

## जागेची स्थिती

time-left = { $left } शिल्लक
wrap-up-left = रॅप-अपची शिल्लक वेळ
stale-desk = डेस्ककडून { $ago } काहीच आलेले नाही: पडद्यावर जे आहे ते तितके जुने आहे.
stale-broker = डेस्कला डायलरकडून { $ago } काहीच मिळालेले नाही: पडद्यावर जे आहे ते जुने आहे.
stale-dialler = डायलरचा डेस्कशी संपर्क तुटला आहे: पडद्यावर जे आहे ते जुने असू शकते.
phone-keys-work = कॉल सुरूच राहतो, आणि फोनच्या बटणांनी निकाल अजूनही नोंदवले जातात.
seat-controls = आपली जागा
call-controls = कॉल
idle-ready = पुढच्या मतदाराची वाट पाहत आहोत
idle-reserved = मतदाराचा कॉल येत आहे
idle-talking = मतदार लाइनवर आहेत. कोण आहेत ते लगेच दिसेल.
idle-wrap-up = कॉल संपला.
idle-paused = आपण विरामावर आहात. कॉल येणार नाहीत.
idle-lost = आपला फोन लाइनवर नाही. तो दर काही सेकंदांनी वाजतो: तो उचला.
idle-offline = आपण लॉग ऑफ आहात.
idle-unknown = आपल्या जागेच्या माहितीची वाट पाहत आहोत
call-cancelled = कॉल मागे घेतला: मतदारांनी उचलला नाही, किंवा आता त्यांना फोन करायची गरज नाही.

## पानातला फोन

phone = आपला फोन
phone-state-off = फोन बंद
phone-state-asking = मायक्रोफोनला परवानगी द्या
phone-state-registering = फोन जोडला जात आहे…
phone-state-ready = फोन तयार
phone-state-on-call = फोन लाइनवर
phone-state-lost = फोन तुटला
phone-state-refused = फोन नाही
phone-level = मायक्रोफोन
phone-microphone = मायक्रोफोन
phone-speaker = स्पीकर
phone-default-device = संगणकात जे निवडले आहे ते
phone-mute = आवाज बंद करा
phone-muted = आवाज बंद: मतदार आपल्याला ऐकत नाहीत
phone-check-help = बोला: मतदार जसे ऐकतील तसे आपण स्वतःला ऐकाल.
phone-check = आवाज तपासा
phone-checking = आता बोला…
phone-check-passed = आपला आवाज ऐकू आला, आणि आपल्यालाही ऐकू आला असेल.
phone-reconnect = पुन्हा जोडा
phone-problem-microphone-refused = ब्राउझरला मायक्रोफोनची परवानगी नाही. पानाच्या पत्त्याजवळ परवानगी द्या, मग पुन्हा जोडा.
phone-problem-no-microphone = मायक्रोफोन नाही. हेडसेट लावा, मग पुन्हा जोडा.
phone-problem-microphone-busy = मायक्रोफोन दुसऱ्या प्रोग्रामकडे आहे. तो बंद करा, मग पुन्हा जोडा.
phone-problem-microphone-gone = मायक्रोफोन निघाला: मतदार आपल्याला ऐकत नाहीत. हेडसेट लावा.
phone-problem-not-secure = ब्राउझर या पत्त्याला मायक्रोफोन देत नाही. डेस्क त्याच्या https पत्त्याने उघडा.
phone-problem-taken = आता दुसरी विंडो या जागेचा फोन आहे.
phone-problem-signed-out = आपण साइन आउट आहात. पुन्हा साइन इन करा.
phone-problem-not-registered = स्विच हा फोन ओळखत नाही. पर्यवेक्षकांना सांगा.
phone-problem-no-desk = फोनचा डेस्कशी संपर्क तुटला आहे आणि तो आपोआप पुन्हा जोडला जाईल. चालू कॉल सुरूच राहतो.
phone-problem-no-echo = काहीच ऐकू आले नाही. हेडसेट आणि मायक्रोफोन पाहा, मग पुन्हा तपासा.
phone-problem-not-ready = फोन अजून जोडलेला नाही. थोड्या वेळाने पुन्हा तपासा.
phone-problem-own-phone = या जागेला स्वतःचा फोन आहे. पान पुन्हा उघडा.
phone-problem-no-phone = केंद्राने ब्राउझरमधला फोन सुरू केलेला नाही. पर्यवेक्षकांना सांगा.
phone-problem-other = फोन काम करत नाही. पुन्हा जोडा, किंवा पर्यवेक्षकांना सांगा.

## लाइनवर कोण आहे

on-the-line = लाइनवर
next-voter = ज्यांना फोन करायचा आहे
booth-worker = बूथ कार्यकर्ता
not-in-list = आमच्या यादीत नाही
relation-f = वडील
relation-m = आई
relation-h = पती
relation-o = नातेवाईक
gender-m = पुरुष
gender-f = महिला
gender-o = तृतीय लिंग
age = { $age } वर्षे
house = घर
serial = क्र. { $serial }
booth = बूथ
part = भाग { $part }
poll-closes = मतदान { $hours }: संपायला { $left }
poll-closed = मतदान { $hours }: संपले
poll-opens = मतदान { $day } रोजी, { $hours }
household-pending = यांच्याबद्दल विचारा: { $voters }
household-others = या नंबरवरील इतर
other-outcome = इतर…
other-outcome-of = { $name } यांच्यासाठी इतर
show-all = पूर्ण दाखवा
show-less = कमी दाखवा
opted-out = या नंबरने फोन करू नका असे सांगितले आहे. धन्यवाद म्हणून फोन ठेवा.
recorded-elsewhere = { $name }: { $mark } (आत्ताच दुसरीकडून कळले)
about-call = या कॉलबद्दल
previous-note = टीप
lawful = आपण फोन का करू शकतो
lawful-called-us = मतदारांनी आपल्याला फोन केला.
lawful-asked-for = मतदारांनी हा कॉल मागितला होता.
lawful-consent = मतदारांनी कॉलला संमती दिली आहे.
lawful-not-listed = हा नंबर कोणत्याही डू-नॉट-कॉल यादीत ({ $registers }) नाही, आणि ही कॉलची वेळ आहे.
lawful-allowed = या वेळी कॉल करायला नियम परवानगी देतात.
lawful-unknown = नोंद नाही. मतदारांनी विचारले तर पर्यवेक्षकांना विचारा.
marks = आपल्याला काय माहीत आहे
at-hour = { $hour }:00 वाजता
previous-calls = { $calls ->
    [0] आधी फोन केलेला नाही
    [one] आधी एकदा फोन केला
   *[other] आधी { $calls } वेळा फोन केला
}
previous-calls-latest = फक्त शेवटचे { $calls } कॉल दाखवले आहेत.

mark-voted = मतदान केले
mark-not-yet = अजून नाही
mark-later = नंतर जातील
mark-will-not = मतदान करणार नाहीत
mark-wrong-number = चुकीचा नंबर
mark-moved = दुसरीकडे राहायला गेले
mark-deceased = दिवंगत
source-voter-key = मतदार, बटणाने
source-agent = एजंट
source-relative = नातेवाईक
source-booth-worker = बूथ कार्यकर्ता
source-import = यादी
source-correction = दुरुस्ती
ended-connected = बोलणे झाले
ended-completed = शेवटपर्यंत ऐकले
ended-left = ऐकता ऐकता फोन ठेवला
ended-abandoned = एजंट मोकळे नव्हते
ended-dropped = वाट पाहताना फोन ठेवला
ended-machine = आन्सरिंग मशीन
ended-busy = व्यस्त
ended-no-answer = उचलला नाही
ended-invalid-number = असा नंबर नाही
ended-congestion = नेटवर्क व्यस्त
ended-rejected = कॉल कापला
ended-carrier-failure = नेटवर्कमध्ये बिघाड
ended-cancelled = मागे घेतला
ended-refused = लावला नाही
ended-missed = मिस्ड कॉल
ended-unknown = माहीत नाही

## संहिता

script = संहिता
script-back = मागे
script-next = पुढे
answers = उत्तरे

## एजंट स्वतः लावतो ते कॉल

preview = अजून डायल केलेले नाही
preview-help = कोण आहे ते पाहा, मग डायल करा किंवा वगळा.
preview-dials = { $left } मध्ये आपोआप डायल होईल
preview-ends = { $left } मध्ये मागे घेतले जाईल
dialling = मतदारांना फोन लावला जात आहे…
skip-reason = आत्ता का नाही?
skip-hour = वेळ योग्य नाही
skip-language = दुसरी भाषा
skip-known = मी या मतदारांना ओळखतो/ओळखते
skip-entry = यादीतील नोंद चुकीची आहे
skip-other = दुसरे कारण
manual = नंबर डायल करा
manual-help = फक्त आमच्या यादीतील नंबरवर, आणि नियमांनुसारच फोन होतो.
manual-number = फोन नंबर
manual-recent = जे आपल्या स्क्रीनवर होते
do-seat-dial = डायल करा
do-seat-preview-dial = डायल करा
do-seat-preview-skip = वगळा
done-seat-dial = डायल केले.
done-seat-preview-dial = डायल केले.
done-seat-preview-skip = वगळले: हा नंबर नंतर पुन्हा येईल.
problem-no-number = हा फोन नंबर नाही. अंक तपासा.

## निकाल

outcome = निकाल
outcome-voted = मतदान केले
outcome-not-yet = अजून नाही
outcome-later = नंतर जातील
outcome-will-not = मतदान करणार नाहीत
outcome-wrong-number = चुकीचा नंबर
outcome-call-back = पुन्हा फोन करा
outcome-language = दुसरी भाषा
outcome-refused = बोलायला नकार
outcome-opt-out = पुन्हा कधीच नको
outcome-machine = मशीन
outcome-moved = दुसरीकडे राहायला गेले
outcome-deceased = दिवंगत
call-back-at = या वेळी पुन्हा…
own-call-back-at = मी स्वतः या वेळी पुन्हा…
own-call-back = आपण पुन्हा फोन करणार
next-key-for = पुढचे बटण यांच्यासाठी
outcomes-entered = { $voters } पैकी { $spoken } पूर्ण
detail-later = किती वाजता?
detail-call-back = किती वाजता पुन्हा फोन करायचा?
detail-own-call-back = आपण स्वतः किती वाजता पुन्हा फोन करणार?
detail-language = कोणती भाषा?
language-unknown = दुसरी कोणती
save-entered = एवढेच: नोंदवा
note = टीप
note-unsaved = टीप अजून जतन झालेली नाही.
note-saved = टीप जतन झाली.
note-refused = टीप जतन झाली नाही.
entries = आपण जे सांगितले
previous-call = आधीचा कॉल
entry-waiting = थोड्याच वेळात नोंदवले जाईल
entry-sending = पाठवले जात आहे…
entry-retrying = अजून नोंदवले नाही; पुन्हा पुन्हा पाठवले जात आहे
entry-saved = नोंदवले
entry-saved-without-note = जतन झाले, पण टीप नाही: टीप पुन्हा लिहा, किंवा पर्यवेक्षकाला सांगा
entry-refused = नोंदवले नाही
entry-undoing = मागे घेतले जात आहे…
undo = मागे घ्या
save-now = आत्ता नोंदवा
dismiss = पाहिले
undone = मागे घेतले. काय होते ते सांगा.
undo-unanswered = डायलरने उत्तर दिले नाही: मागे घेतले गेले की नाही ते माहीत नाही. पर्यवेक्षकांना सांगा.
nothing-to-undo = मागे घेण्यासारखे काही नाही.
correcting = { $name }: काय होते?
keep-outcome = राहू द्या
entry-late = हे संपलेल्या कॉलसाठी होते: काहीच नोंदवले नाही.
too-soon = तेवढ्यात दुसरा कॉल आला: काहीच नोंदवले नाही. कोण आहे ते पाहा, आणि पुन्हा दाबा.
voter-not-connected = मतदार अजून लाइनवर नाहीत.
invalid-hour = मतदान संपण्याआधीचा पुढचा तास द्या: दोन अंक, किंवा दाखवलेला अंक.
no-hours-left = मतदान किंवा दिवस संपण्याआधी आज एकही तास उरला नाही: "नंतर" आता शक्य नाही.
invalid-language = दाखवलेल्यांपैकी एक अंक दाबा.
refused-call-over = तो कॉल आणि त्याचा रॅप-अप संपला आहे.
refused-too-late-to-undo = उशीर झाला: जे होते तेच राहील.
refused-already-published = या नंबरवर पुन्हा फोन होणार नाही, आणि ते तसेच राहील: इतर केंद्रांना कळवले आहे.
refused-no-call = ज्याबद्दल सांगता येईल असा कॉल नाही.
refused-other-script = उत्तरे दुसऱ्या संहितेची आहेत.
refused-no-channel = सगळ्या लाइन व्यस्त आहेत. थोड्या वेळाने पुन्हा प्रयत्न करा.
refused-campaign-held = ही मोहीम आत्ता कोणालाही फोन करत नाही: ती थांबवली आहे, किंवा कॉलची वेळ नाही.
refused-forbidden-now = नियम आत्ता या कॉलला परवानगी देत नाहीत.
refused-number-on-a-call = त्या नंबरवरील कोणीतरी आत्ता दुसऱ्या कॉलवर आहे.
refused-not-listed = हा नंबर तुमच्या मोहिमांच्या यादीत नाही. इतर कोणालाही फोन करता येत नाही.
refused-not-due = या नंबरवर आत्ता फोन करता येत नाही: थोड्या वेळापूर्वी फोन झाला किंवा वगळला होता, किंवा मतदारांनी नंतरची वेळ मागितली आहे.
refused-number-closed = या नंबरवर आता फोन होणार नाही: त्यांनी तसे सांगितले आहे, किंवा त्यावर आता कोणी उरले नाही.
refused-seat-not-free = आपण एका मतदाराबरोबर आहात, किंवा कॉल येत असू शकतो. आधी विराम घ्या, मग डायल करा.
refused-by-dialler = डायलरचे उत्तर: { $text }

## आदेश

do-seat-ready = तयार
do-seat-pause = विराम
do-seat-log-off = लॉग ऑफ
do-seat-hang-up = फोन ठेवा
do-seat-hold = होल्ड
do-seat-resume = होल्ड काढा
do-seat-transfer = ट्रान्सफर
do-seat-consult = सल्ला
do-seat-merge = तिघे एकत्र
do-seat-complete-transfer = त्यांना बोलू द्या
do-seat-cancel-consult = दुसऱ्यांना सोडा
do-seat-pause-recording = रेकॉर्डिंग थांबवा
do-seat-resume-recording = पुन्हा रेकॉर्ड करा
done-seat-ready = आता आपल्याला पुन्हा कॉल मिळतील.
done-seat-pause = आता आणखी कॉल नाहीत; चालू बोलणे पूर्ण होईल.
done-seat-log-off = या कॉलनंतर आपण लॉग ऑफ व्हाल.
done-seat-hang-up = फोन ठेवला.
done-seat-hold = मतदार संगीत ऐकत आहेत.
done-seat-resume = मतदार पुन्हा आपल्याला ऐकत आहेत.
done-seat-transfer = ट्रान्सफर केले.
done-seat-consult = दुसऱ्या फोनवर कॉल लावला जात आहे.
done-seat-merge = तिघेही एकमेकांना ऐकत आहेत.
done-seat-complete-transfer = ते आपल्याशिवाय बोलत आहेत.
done-seat-cancel-consult = आता फक्त मतदार आपल्यासोबत आहेत.
done-seat-pause-recording = आता जे बोलले जाईल ते रेकॉर्ड होणार नाही.
done-seat-resume-recording = रेकॉर्डिंग पुन्हा सुरू आहे.
ask-seat-log-off = आपल्याला आणखी कॉल येणार नाहीत. चालू बोलणे पूर्ण होईल.
seat-command-unanswered = डायलरने उत्तर दिले नाही. पुन्हा प्रयत्न करण्याआधी जागेची स्थिती पाहा.
unknown-key = या बटणाला अर्थ नाही.

## स्वतःचे आकडे, बटणे

own-day = आपला दिवस
own-calls = कॉल
own-talked = बोलणे
own-wrap-up = रॅप-अप
own-paused = विराम
own-call-backs = आज आपण पुन्हा करायचे फोन
own-call-backs-help = आपण तयार असल्यास ते वेळेवर आपल्याकडे येतात; नंतर कोणाकडेही.
keys = बटणे
keys-help = फोनच्या बटणांप्रमाणे, कोणत्याही कीबोर्डवर. लिहिण्याच्या जागी ती लिहितात.
key-digits = 0–9
key-digits-does = त्या अंकाचा निकाल
key-letters = A B … ↑ ↓
key-letters-does = घरातला कोणता मतदार
key-enter = ↵
key-enter-does = आतापर्यंत सांगितले ते नोंदवा; मग: तयार
key-preview = ↵ 0
key-preview-does = जो कॉल अजून डायल झाला नाही: डायल करा, वगळा
key-plus = +
key-plus-does = एखाद्या वेळी पुन्हा फोन करा
key-slash = /
key-slash-does = एखाद्या वेळी स्वतः पुन्हा फोन करा
key-undo = ⌫
key-undo-does = 5 सेकंदांच्या आत मागे घ्या
key-star-ready = *1
key-star-ready-does = तयार
key-star-pause = *21 … *29
key-star-pause-does = विराम, कारणासह
key-star-hang-up = *3
key-star-hang-up-does = फोन ठेवा
key-star-hold = *4 *5
key-star-hold-does = होल्ड, होल्ड काढा
key-star-recording = *6 *7
key-star-recording-does = रेकॉर्डिंग थांबवा, पुन्हा रेकॉर्ड करा
key-star-log-off = *0
key-star-log-off-does = लॉग ऑफ

## पर्यवेक्षकांचे शब्द

message-from = { $sender }, { $at }:
message-mark-read = वाचले

training = प्रशिक्षण: इथला कोणताही मतदार खरा नाही, आणि काहीही नोंदवले जात नाही. मतदार जे बोलतात ते दाखवले जाते.
