### एजंटच्या पानावरील शब्द मराठीत.

title-agent = एजंटचा डेस्क

## साइन इन

agent-number = एजंट क्रमांक
pin = पिन
seat = जागा
choose-seat = आपली जागा निवडा
seat-in-use = जागा वापरात आहे
phone-own = आपण या जागेवरचा फोन वापराल. साइन इन केल्यावर तो वाजेल.
phone-browser = आपण हेडसेट लावून हाच ब्राउझर वापराल.
open-elsewhere = जागा { $seat } दुसऱ्या विंडोत किंवा दुसऱ्या संगणकावर उघडी आहे. तिथेच काम सुरू ठेवा, किंवा ती इथे वापरा.
used-elsewhere = जागा { $seat } आता दुसऱ्या विंडोत वापरली जात आहे. फक्त तिथल्या नोंदी जतन होतात.
use-here = इथे वापरा
agent = एजंट { $agent }

problem-pin-wrong = एजंट क्रमांक किंवा पिन चुकीचा आहे.
problem-seat-locked = या उपकरणावर किंवा या जागेवर खूप वेळा चुकीचा पिन टाकला गेला. { $minutes } मिनिटे थांबा, किंवा पर्यवेक्षकांना जागा { $seat } चे लॉक काढायला सांगा.
problem-agent-elsewhere = आपण जागा { $seat } वर साइन इन आहात. आधी तिथे लॉग ऑफ करा.
problem-seat-taken = दुसरे एजंट ही जागा वापरत आहेत.
problem-no-seat = ही जागा आता अस्तित्वात नाही. पान पुन्हा लोड करा.
problem-clocks = डेस्क आणि डायलर यांची घड्याळे वेगळी आहेत. पर्यवेक्षकांना सांगा.
problem-phone-kind = या जागेवर आता वेगळ्या प्रकारचा फोन आहे. पान पुन्हा लोड करा.
problem-no-agents = या केंद्रात एजंटचे साइन इन सुरू केलेले नाही. पर्यवेक्षकांना सांगा.
problem-refused = डायलरने नाकारले: { $text }
problem-away = काही पाठवले नाही: डेस्क ब्रोकरशी जोडलेला नाही. पुन्हा प्रयत्न करा.
problem-unanswered = डायलरने उत्तर दिले नाही. पुन्हा प्रयत्न करा.
problem-open-elsewhere = जागा दुसऱ्या विंडोत उघडी आहे. तिथेच काम सुरू ठेवा.
problem-late = तो कॉल संपला आहे. काहीही बदलले नाही.
problem-note-late = कॉल संपला आहे. टीप जतन झाली नाही.
problem-no-coaching-note = दरम्यान ही टीप काढून टाकली गेली.

## जागेची स्थिती

time-left = { $left } शिल्लक
wrap-up-left = रॅप-अपची शिल्लक वेळ
stale-desk = डेस्ककडून { $ago } काहीच अपडेट नाही. पान जुने असू शकते.
stale-broker = डायलरकडून { $ago } काहीच अपडेट नाही. पान जुने असू शकते.
stale-dialler = डायलरचा डेस्कशी संपर्क तुटला आहे. पान जुने असू शकते.
phone-keys-work = कॉल सुरूच राहतो, आणि आपण फोनच्या बटणांनी अजूनही निकाल नोंदवू शकता.
browser-call-continues = कॉल सुरूच राहतो. निकाल इथेच नोंदवत रहा: संपर्क परत आल्यावर ते पाठवले जातील.
seat-controls = जागा
call-controls = कॉल
idle-ready = पुढच्या मतदाराची वाट पाहत आहोत
idle-reserved = पुढचा कॉल जोडला जात आहे.
idle-talking = मतदार लाइनवर आहेत. माहिती लगेच दिसेल.
idle-wrap-up = कॉल संपला.
idle-paused = आपण विरामावर आहात, आपल्याला कॉल येत नाहीत.
idle-lost = आपला फोन तुटला आहे. तो दर काही सेकंदांनी पुन्हा वाजतो: तो उचला.
idle-lost-browser = आपला फोन तुटला आहे. हे पान तो आपोआप पुन्हा जोडते.
idle-offline = आपण लॉग ऑफ आहात.
idle-unknown = आपल्या जागेच्या स्थितीची वाट पाहत आहोत…
call-cancelled = कॉल रद्द झाला: मतदारांनी उचलला नाही, किंवा आता त्यांना कॉलची गरज नाही.

## ब्राउझरमधला फोन

phone = आपला फोन
phone-state-off = फोन बंद
phone-state-asking = मायक्रोफोनला परवानगी द्या
phone-state-registering = फोन जोडला जात आहे…
phone-state-ready = फोन तयार
phone-state-on-call = कॉलवर
phone-state-lost = फोन तुटला
phone-state-refused = फोन उपलब्ध नाही
phone-level = मायक्रोफोनची पातळी
phone-voter-level = मतदाराच्या आवाजाची पातळी
phone-microphone = मायक्रोफोन
phone-speaker = स्पीकर
phone-default-device = संगणकाचे डीफॉल्ट
phone-tone = कॉल आल्यावर आवाज
phone-tone-none = आवाज नाही
phone-tone-low = खालचा स्वर
phone-tone-high = वरचा स्वर
phone-mute = म्यूट करा
phone-muted = म्यूट: मतदार आपल्याला ऐकू शकत नाहीत
quality-good = आवाजाचा संपर्क चांगला
quality-unstable = आवाजाचा संपर्क अस्थिर
quality-poor = आवाजाचा संपर्क खराब
quality-unstable-help = शब्द तुटू शकतात. नेटवर्क वापरणारे इतर प्रोग्राम बंद करा, किंवा नेटवर्क केबल वापरा.
quality-poor-help = आपण आणि मतदार एकमेकांना समजू शकणार नाही. पुन्हा फोन करण्याचे सांगा, आणि पर्यवेक्षकांना कळवा.
quality-figures = गहाळ पॅकेट: { $loss }, जिटर: { $jitter }, ये-जा वेळ: { $trip }
phone-check-help = बोला: मतदार आपल्याला जसे ऐकतात तसेच आपण स्वतःला ऐकाल.
phone-check = आवाज तपासा
phone-checking = आता बोला…
phone-check-passed = आपला मायक्रोफोन चालतो. आपल्याला स्वतःचा आवाज ऐकू आला असेल.
phone-reconnect = पुन्हा जोडा
phone-problem-microphone-refused = ब्राउझर मायक्रोफोन अडवत आहे. पानाच्या पत्त्याशेजारी परवानगी द्या, मग पुन्हा जोडा.
phone-problem-no-microphone = मायक्रोफोन सापडला नाही. हेडसेट लावा, मग पुन्हा जोडा.
phone-problem-microphone-busy = दुसरा प्रोग्राम मायक्रोफोन वापरत आहे. तो बंद करा, मग पुन्हा जोडा.
phone-problem-microphone-gone = मायक्रोफोन निघाला आहे: मतदार आपल्याला ऐकू शकत नाहीत. हेडसेट लावा.
phone-problem-speaker = हा स्पीकर वापरता येत नाही. दुसरा निवडा.
phone-problem-not-secure = ब्राउझर फक्त https वर मायक्रोफोन वापरू देतो. डेस्क त्याच्या https पत्त्याने उघडा.
phone-problem-taken = आता दुसरी विंडो या जागेचा फोन आहे.
phone-problem-signed-out = आपण साइन आउट आहात. पुन्हा साइन इन करा.
phone-problem-not-registered = फोन यंत्रणा हा फोन स्वीकारत नाही. पर्यवेक्षकांना सांगा.
phone-problem-no-desk = फोनचा संपर्क तुटला आहे आणि तो पुन्हा जोडला जात आहे. चालू कॉल सुरूच राहतो.
phone-problem-no-echo = काहीच आवाज आला नाही. हेडसेट आणि मायक्रोफोन पाहा, मग पुन्हा तपासा.
phone-problem-not-ready = फोन अजून जोडलेला नाही. थोड्या वेळाने पुन्हा तपासा.
phone-problem-own-phone = या जागेला स्वतःचा फोन आहे. पान पुन्हा लोड करा.
phone-problem-no-phone = या केंद्रात ब्राउझरमधले फोन सुरू केलेले नाहीत. पर्यवेक्षकांना सांगा.
phone-problem-other = फोन चालत नाही. पुन्हा जोडा, किंवा पर्यवेक्षकांना सांगा.

## मतदार

on-the-line = लाइनवर
next-voter = पुढचे मतदार
booth-worker = बूथ कार्यकर्ता
not-in-list = यादीत नाही
relation-f = वडिलांचे नाव
relation-m = आईचे नाव
relation-h = पतीचे नाव
relation-o = नातेवाईकाचे नाव
gender-m = पुरुष
gender-f = महिला
gender-o = तृतीय लिंग
age = { $age } वर्षे
house = घर
serial = अनुक्रमांक { $serial }
booth = बूथ
part = भाग { $part }
poll-closes = मतदानाची वेळ { $hours }, संपायला { $left }
poll-closed = मतदानाची वेळ { $hours }, संपली
poll-opens = मतदान { $day } रोजी, { $hours }
household-pending = यांच्याबद्दल विचारा: { $voters }
household-others = या नंबरवरील इतर
other-outcome-of = { $name } यांच्यासाठी इतर
show-all = सगळे दाखवा
show-less = कमी दाखवा
opted-out = या नंबरने कॉल नको असे सांगितले आहे. मतदारांना धन्यवाद म्हणा आणि फोन ठेवा.
recorded-elsewhere = { $name }: { $mark }. हे आत्ताच दुसरीकडे नोंदवले गेले.
about-call = या कॉलबद्दल
previous-note = आधीची टीप
lawful = हा कॉल का करता येतो
lawful-called-us = मतदारांनी आपल्याला फोन केला होता.
lawful-asked-for = मतदारांनी हा कॉल मागितला होता.
lawful-consent = मतदारांनी कॉलला संमती दिली आहे.
lawful-not-listed = हा नंबर डू-नॉट-कॉल यादीत ({ $registers }) नाही, आणि ही कॉलची वेळ आहे.
lawful-allowed = कॉलचे नियम आत्ता या कॉलला परवानगी देतात.
lawful-unknown = कारण नोंदवलेले नाही. मतदारांनी विचारले तर पर्यवेक्षकांना विचारा.
marks = या मतदाराविषयीची माहिती
at-hour = { $hour }:00 वाजता
previous-calls = { $calls ->
    [0] आधी फोन केलेला नाही
    [one] आधी एकदा फोन केला
   *[other] आधी { $calls } वेळा फोन केला
}
previous-calls-latest = फक्त शेवटचे { $calls } कॉल दाखवले आहेत.

mark-voted = मतदान केले
mark-not-yet = अजून मत दिले नाही
mark-later = नंतर जातील
mark-will-not = मतदान करणार नाहीत
mark-wrong-number = चुकीचा नंबर
mark-moved = दुसरीकडे राहायला गेले
mark-deceased = दिवंगत
source-voter-key = मतदार, कीपॅडवरून
source-agent = एजंट
source-relative = नातेवाईक
source-booth-worker = बूथ कार्यकर्ता
source-import = आयात
source-correction = दुरुस्ती
ended-connected = बोलणे झाले
ended-completed = शेवटपर्यंत ऐकले
ended-left = ऐकता ऐकता फोन ठेवला
ended-abandoned = एजंट उपलब्ध नव्हते
ended-dropped = वाट पाहताना फोन ठेवला
ended-machine = आन्सरिंग मशीन
ended-busy = व्यस्त
ended-no-answer = उचलला नाही
ended-invalid-number = असा नंबर नाही
ended-congestion = नेटवर्क व्यस्त
ended-rejected = कॉल कापला
ended-carrier-failure = नेटवर्कमध्ये बिघाड
ended-cancelled = रद्द
ended-refused = लावला नाही
ended-missed = मिस्ड कॉल
ended-unknown = माहीत नाही

## स्क्रिप्ट

script = स्क्रिप्ट
script-back = मागे
script-next = पुढे
answers = स्क्रिप्टमधल्या प्रश्नांची उत्तरे

## स्वतः डायल करणे आणि प्रीव्ह्यू

preview = प्रीव्ह्यू
preview-help = मतदार कोण आहेत ते पाहा, मग डायल करा किंवा वगळा.
preview-dials = { $left } मध्ये आपोआप डायल होईल
preview-ends = { $left } मध्ये संपेल
dialling = मतदारांना फोन लावला जात आहे…
skip-reason = मतदाराला वगळण्याचे कारण
skip-hour = कॉलसाठी वेळ योग्य नाही
skip-language = दुसरी भाषा
skip-known = मी या मतदारांना ओळखतो/ओळखते
skip-entry = यादीत चूक आहे
skip-other = दुसरे कारण
manual = नंबर डायल करा
manual-help = आपण फक्त आपल्या यादीतील नंबरवर, आणि कॉलचे नियम परवानगी देतात तेव्हाच फोन करू शकता.
manual-number = फोन नंबर
manual-recent = अलीकडचे नंबर
do-seat-dial = डायल करा
do-seat-preview-dial = डायल करा
do-seat-preview-skip = वगळा
done-seat-dial = डायल होत आहे.
done-seat-preview-dial = डायल होत आहे.
done-seat-preview-skip = वगळले. या नंबरवर नंतर फोन होईल.
problem-no-number = हा फोन नंबर बरोबर नाही. अंक तपासा.

## निकाल

outcome = निकाल
outcome-voted = मतदान केले
outcome-not-yet = अजून मत दिले नाही
outcome-later = नंतर जातील
outcome-will-not = मतदान करणार नाहीत
outcome-wrong-number = चुकीचा नंबर
outcome-call-back = पुन्हा फोन करा
outcome-language = दुसरी भाषा
outcome-refused = बोलायला नकार
outcome-opt-out = पुन्हा कधीच फोन नको
outcome-machine = आन्सरिंग मशीन
outcome-moved = दुसरीकडे राहायला गेले
outcome-deceased = दिवंगत
call-back-at = या वेळी पुन्हा फोन…
own-call-back-at = मी या वेळी पुन्हा फोन करेन…
own-call-back = आपण पुन्हा फोन करणार
next-key-for = निवडलेले मतदार
outcomes-entered = { $voters } पैकी { $spoken } मतदारांचे निकाल नोंदवले
detail-later = मतदार किती वाजता जातील?
detail-call-back = आपण किती वाजता पुन्हा फोन करायचा?
detail-own-call-back = आपण स्वतः किती वाजता पुन्हा फोन कराल?
detail-language = कोणती भाषा?
language-unknown = भाषा या यादीत नाही
save-entered = जतन करा
note = टीप
note-unsaved = टीप अजून जतन झालेली नाही.
note-saved = टीप जतन झाली.
note-refused = टीप जतन झाली नाही.
entries = आपल्या नोंदी
previous-call = आधीचा कॉल
entry-waiting = थोड्याच वेळात जतन होईल
entry-sending = जतन होत आहे…
entry-retrying = अजून जतन झाले नाही, पुन्हा प्रयत्न होत आहे
entry-saved = जतन झाले
entry-saved-without-note = टीप सोडून बाकी जतन झाले. टीप पुन्हा लिहा, किंवा पर्यवेक्षकांना सांगा.
entry-refused = जतन झाले नाही
entry-undoing = मागे घेतले जात आहे…
undo = मागे घ्या
save-now = आत्ता जतन करा
dismiss = बंद करा
undone = मागे घेतले. बरोबर निकाल नोंदवा.
undo-unanswered = डायलरने उत्तर दिले नाही. निकाल मागे घेतला गेला असेल किंवा नसेल. पर्यवेक्षकांना सांगा.
nothing-to-undo = मागे घेण्यासारखे काही नाही.
correcting = { $name }: निकाल काय होता?
keep-outcome = निकाल तसाच ठेवा
entry-late = तो कॉल संपला आहे. काहीही जतन झाले नाही.
too-soon = आत्ताच नवा कॉल आला. काहीही जतन झाले नाही. कोण आहे ते पाहा, मग पुन्हा दाबा.
voter-not-connected = मतदार अजून लाइनवर नाहीत.
outcome-not-offered = ही मोहीम हा निकाल स्वीकारत नाही.
no-call-back-times = पुन्हा फोनचे वचन देता येत नाही: या नंबरवर सर्व कॉल झाले आहेत.
invalid-hour = मतदान संपण्याआधीचा तास द्या: दोन अंक, किंवा दाखवलेला अंक.
no-hours-left = मतदान संपायला एका तासापेक्षा कमी वेळ आहे: "नंतर जातील" आता निवडता येत नाही.
invalid-language = दाखवलेल्या अंकांपैकी एक दाबा.
refused-call-over = तो कॉल आणि त्याचा रॅप-अप संपला आहे.
refused-too-late-to-undo = मागे घ्यायला उशीर झाला. निकाल आहे तसाच राहील.
refused-already-published = "पुन्हा कधीच फोन नको" आता मागे घेता येत नाही: इतर केंद्रांना कळवले आहे.
refused-no-call = आत्ता आपला कोणताही कॉल नाही.
refused-other-script = ही उत्तरे दुसऱ्या स्क्रिप्टची आहेत.
refused-no-channel = सगळ्या लाइन वापरात आहेत. थोड्या वेळाने पुन्हा प्रयत्न करा.
refused-campaign-held = मोहीम थांबवलेली आहे, किंवा तिची कॉलची वेळ नाही.
refused-forbidden-now = कॉलचे नियम आत्ता या कॉलला परवानगी देत नाहीत.
refused-number-on-a-call = या नंबरवरील कोणीतरी आधीच कॉलवर आहे.
refused-not-listed = हा नंबर आपल्या मोहिमांच्या यादीत नाही, म्हणून त्यावर फोन करता येत नाही.
refused-not-due = या नंबरवर अजून फोन करता येत नाही: नुकताच फोन झाला किंवा वगळला होता, किंवा मतदारांनी नंतरची वेळ मागितली आहे.
refused-number-closed = या नंबरचे काम पूर्ण झाले आहे: त्यांनी कॉल नको असे सांगितले आहे, किंवा तिथे फोन करायचे कोणी उरले नाही.
refused-seat-not-free = आपण कॉलवर आहात, किंवा कॉल येणार आहे. आधी विराम घ्या, मग डायल करा.
refused-by-dialler = डायलरने नाकारले: { $text }

## आदेश

do-seat-ready = तयार
do-seat-pause = विराम
do-seat-log-off = लॉग ऑफ
do-seat-hang-up = फोन ठेवा
do-seat-hold = होल्ड
do-seat-resume = होल्ड काढा
do-seat-transfer = ट्रान्सफर
do-seat-consult = सल्ला
do-seat-merge = तिघांचा कॉल
do-seat-complete-transfer = ट्रान्सफर पूर्ण करा
do-seat-cancel-consult = सल्ला संपवा
do-seat-pause-recording = रेकॉर्डिंग थांबवा
do-seat-resume-recording = रेकॉर्डिंग पुन्हा सुरू करा
done-seat-ready = आपल्याला पुन्हा कॉल येतील.
done-seat-pause = विरामावर. चालू बोलणे सुरूच राहते.
done-seat-log-off = या कॉलनंतर आपण लॉग ऑफ व्हाल.
done-seat-hang-up = कॉल संपवला.
done-seat-hold = होल्डवर. मतदार संगीत ऐकत आहेत.
done-seat-resume = होल्ड काढला. मतदार आपल्याला पुन्हा ऐकत आहेत.
done-seat-transfer = ट्रान्सफर झाला.
done-seat-consult = ज्यांचा सल्ला घ्यायचा आहे त्यांना कॉल लावला जात आहे.
done-seat-merge = तिघेही जोडले गेले आहेत.
done-seat-complete-transfer = ट्रान्सफर पूर्ण झाला.
done-seat-cancel-consult = सल्ला संपला. आपण मतदारांशी जोडलेले आहात.
done-seat-pause-recording = रेकॉर्डिंग थांबवले.
done-seat-resume-recording = रेकॉर्डिंग पुन्हा सुरू झाले.
ask-log-off = आपल्याला आणखी कॉल येणार नाहीत. चालू बोलणे सुरूच राहते.
message-from = { $sender } यांचा संदेश, { $at }:
message-mark-read = वाचले अशी खूण करा
seat-command-unanswered = डायलरने उत्तर दिले नाही. पुन्हा प्रयत्न करण्याआधी आपल्या जागेची स्थिती पाहा.
unknown-key = इथे या बटणाचे काही काम नाही.

## स्वतःचे आकडे आणि कीबोर्ड शॉर्टकट

own-day = आपला दिवस
own-calls = कॉल
own-contacts = संपर्क झालेले मतदार
own-pace = दर तासाला संपर्क
team-pace = संघाची सरासरी { $pace }
own-talked = बोलण्याचा वेळ
own-wrap-up = रॅप-अपचा वेळ
own-paused = विरामाचा वेळ
own-day-empty = पहिल्या कॉलनंतर आपले आकडे इथे दिसतील.
own-call-backs = आज आपण पुन्हा करायचे फोन
own-call-backs-help = ठरलेल्या वेळी आपण तयार असल्यास तो फोन आपल्याकडे येतो, नाहीतर कोणत्याही एजंटकडे.
next-call-back = पुढचा पुन्हा करायचा फोन { $left } मध्ये
call-back-due = पुन्हा फोन करायची वेळ झाली
own-call-backs-empty = आज पुन्हा करायचे म्हणून आपण ठरवलेले फोन इथे दिसतील.
coaching-notes = आपल्या कॉलवरच्या टिपा
coaching-note-of = { $sender } यांची टीप: आपला { $at } चा कॉल, मोहीम { $campaign }
coaching-note-mark-read = टीप वाचली अशी खूण करा
coaching-note-is-read = आपण ही टीप वाचली आहे.
keys = कीबोर्ड शॉर्टकट
close = बंद करा
keys-help = अंक आणि स्टार कोड फोनसारखेच आहेत. आपण मजकूर लिहीत असताना शॉर्टकट चालत नाहीत.
keys-help-browser = अंक आणि स्टार कोड याच कीबोर्डवर दाबा. आपण मजकूर लिहीत असताना शॉर्टकट चालत नाहीत.
key-digits-does = दाबलेल्या अंकाचा निकाल निवडा
key-letters-does = घरातले मतदार निवडा
key-enter-does = निकाल जतन करा; पुन्हा दाबल्यास: पुढच्या कॉलसाठी तयार
key-preview-does = प्रीव्ह्यूमध्ये डायल करा किंवा वगळा
key-plus-does = ठरलेल्या वेळी पुन्हा फोन करा
key-slash-does = ठरलेल्या वेळी स्वतः पुन्हा फोन करा
key-undo-does = 5 सेकंदांच्या आत मागे घ्या
key-help-does = कीबोर्ड शॉर्टकट दाखवा
key-star-ready-does = तयार
key-star-pause-does = कारणासह विराम
key-star-hang-up-does = फोन ठेवा
key-star-hold-does = होल्ड, होल्ड काढा
key-star-recording-does = रेकॉर्डिंग थांबवा, पुन्हा सुरू करा
key-star-log-off-does = लॉग ऑफ

training = प्रशिक्षण मोड: मतदार खरे नाहीत आणि काहीही जतन होत नाही. मतदार जे बोलतात ते पानावर दिसते.
