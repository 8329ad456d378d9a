### सर्वर के वाक्य हिन्दी में, जैसे जाँच के परिणाम। अंग्रेज़ी वाक्य पायथन के स्रोत में हैं (`translatable`)।

## कॉल फ़्लो और स्क्रिप्ट की जाँच

problem-at-node = नोड { $node }: { $problem }
problem-on-page = पेज { $page }: { $problem }
problem-in-file = { $file }:{ $line }: { $problem }
flow-named-unlike-file = कॉल फ़्लो का नाम { $flow } है, पर उसकी फ़ाइल { $file } है; दोनों का नाम एक रखें
unreachable = यहाँ तक कोई रास्ता नहीं आता; यहाँ तक रास्ता बनाएँ या इसे हटाएँ
loop-without-exit = ऐसे चक्र में है जिससे बाहर निकलने का रास्ता नहीं ({ $loop }); बाहर जाने का रास्ता जोड़ें
leads-to-endless-loop = केवल ऐसे चक्र में ले जाता है जिससे बाहर निकलने का रास्ता नहीं; बाहर जाने का रास्ता जोड़ें
silent-loop = ऐसे चक्र में है जिसमें शायद न कुछ सुनाया जाए, न पूछा जाए ({ $loop }); कोई संदेश या प्रश्न जोड़ें
silent-caller-loop = बटन न दबाने वाले कॉलर से बार-बार पूछता रहता है ({ $loop }); `no_input` को चक्र से बाहर ले जाएँ
question-may-be-silent = { $names } पता न हो तो कोई संदेश नहीं सुनाया जाता; पहले इस पर शाखा बनाएँ, या ऐसा संदेश जोड़ें जिसे इसकी ज़रूरत नहीं
text-missing-in-languages = { $languages } में { $key } का पाठ नहीं है; उसे { $file } में जोड़ें
no-placeholders-in-text = { $key } को { $given } देता है, पर उसके { $language } पाठ में ऐसी कोई जगह नहीं; `with:` और पाठ को एक जैसा करें
placeholders-not-filled = { $key } को कोई मान नहीं देता, पर उसके { $language } पाठ में { $placeholders } है; `with:` और पाठ को एक जैसा करें
placeholders-differ = { $key } को { $given } देता है, पर उसके { $language } पाठ में { $placeholders } है; `with:` और पाठ को एक जैसा करें
campaign-material-in-other-flow = प्रचार सामग्री ({ $recording }) सुनाता है, पर कॉल फ़्लो का उद्देश्य { $purpose } है; उसे `purpose: material` वाले कॉल फ़्लो में ले जाएँ
campaign-material-without-opt-out = { $recording } सुनाता है, पर किसी बटन से आगे की कॉल बंद नहीं होतीं; उसे ऐसे मेन्यू में सुनाएँ जिसे बटन से रोका जा सके और जिसमें कॉल बंद करने का विकल्प हो
flow-offers-forbidden-transport = इससे शुरू होने वाला कॉल फ़्लो सवारी देने की बात करता है, जिसे नियमों का प्रोफ़ाइल मना करता है (`transport.may_offer`); वह बात हटाएँ
script-offers-forbidden-transport = इससे शुरू होने वाली स्क्रिप्ट सवारी देने की बात करती है, जिसे नियमों का प्रोफ़ाइल मना करता है (`transport.may_offer`); वह बात हटाएँ
flow-without-opt-out = इससे शुरू होने वाले कॉल फ़्लो में आगे की कॉल बंद करने का विकल्प नहीं; `9:` का विकल्प जोड़ें जो `opt_out: number` वाले नोड पर ले जाए
prompts-too-long = { $language } में लगभग { $seconds } सेकंड लेता है, अधिकतम { $most } सेकंड की अनुमति है; छोटा करें
subdialog-never-returns = इससे शुरू होने वाला हिस्सा कभी लौटता नहीं; `return:` जोड़ें
thanks-before-storing = { $key } सुनाता है, जबकि शायद अभी कुछ सहेजा नहीं गया; उसे `mark`, `opt_out` या `save` के `next:` के बाद ले जाएँ
thanks-before-opt-out = { $key } सुनाता है, जबकि शायद कॉल बंद करने की माँग सहेजी नहीं गई; उसे `opt_out` वाले नोड के `next:` के बाद ले जाएँ
stores-choice-of-candidate = { $answer } नाम का जवाब सहेजता है, पर यह कभी सहेजा नहीं जा सकता कि कोई किसे वोट देता है; प्रश्न हटाएँ
asks-choice-of-candidate = पूछता है कि कोई किसे वोट देता है ({ $where } में "{ $words }"); प्रश्न हटाएँ
asks-for-vote = वोट माँगता है ({ $where } में "{ $words }"), पर उद्देश्य { $purpose } है; वह बात हटाएँ
mentions-ride = सवारी की बात करता है ({ $where } में "{ $words }"); वह बात हटाएँ, या `offers: [transport]` लिखें
no-last-page = यहाँ से कोई अंतिम पेज नहीं आता; अंतिम पेज जोड़ें और वहाँ तक रास्ता बनाएँ
loop-without-last-page = यहाँ से कोई अंतिम पेज नहीं आता ({ $loop }); अंतिम पेज जोड़ें और वहाँ तक रास्ता बनाएँ
page-text-missing = { $languages } में { $part } का पाठ नहीं है; उसे जोड़ें
brace-without-value = { $part }, { $language } में ऐसा कोष्ठक है जो { $example } जैसा मान नहीं; उसे हटाएँ
unknown-value = { $part }, { $language } में अज्ञात मान { $name } है; इनमें से एक लिखें: { $known }
answer-named-like-mark = { $answer } नाम का जवाब सहेजता है, जो एक परिणाम का नाम है; वह परिणाम एजेंट कॉल के नतीजे के साथ सहेजते हैं। दूसरा नाम दें
problem-and-rule = { $problem } [{ $rule }]
script-for-other-purpose = { $purpose ->
    [turnout] मतदान की याद
    [material] प्रचार सामग्री
    [survey] सर्वेक्षण
   *[booth-workers] बूथ कार्यकर्ता
  } के लिए है, पर अभियान { $campaign } { $needed ->
    [turnout] मतदान की याद
    [material] प्रचार सामग्री
    [survey] सर्वेक्षण
   *[booth-workers] बूथ कार्यकर्ता
  } के लिए है; उसे दूसरी स्क्रिप्ट दें

## वाक्यों का जोड़

text-about-subject = { $subject }: { $text }
both-texts = { $first }; { $second }
texts-in-list = { $first }, { $second }
sentence = { $text }।
first-then = { $first }, फिर { $then }
objection-until = { $time } तक: { $objection }
weekday-and-time = { $weekday ->
    [Mon] सोम
    [Tue] मंगल
    [Wed] बुध
    [Thu] गुरु
    [Fri] शुक्र
    [Sat] शनि
   *[Sun] रवि
  } { $day } { $month ->
    [Jan] जनवरी
    [Feb] फ़रवरी
    [Mar] मार्च
    [Apr] अप्रैल
    [May] मई
    [Jun] जून
    [Jul] जुलाई
    [Aug] अगस्त
    [Sep] सितंबर
    [Oct] अक्तूबर
    [Nov] नवंबर
   *[Dec] दिसंबर
  } { $time }
file-unreadable = { $file } पढ़ी नहीं जा सकती ({ $reason })
check-path-and-permissions = पथ और इस उपयोगकर्ता के अधिकार जाँचें

## कॉल के नियम: कॉल क्यों नहीं लगती

outside-calling-hours = कॉल की अनुमति का समय नहीं है
outside-calling-hours-in-zone = { $zone } में कॉल की अनुमति का समय नहीं है
outside-calling-hours-in-zones = नंबर जिन { $count } समय क्षेत्रों में हो सकता है, उन सबमें कॉल की अनुमति का समय नहीं है
outside-campaign-hours = अभियान के कॉल के समय से बाहर है
no-calling-hours = कॉल का कोई समय तय नहीं, इसलिए अभियान कभी कॉल नहीं करता
earlier-calls-unknown = नंबर की पिछली कॉल पता नहीं
number-opted-out = नंबर ने कॉल न करने को कहा है
number-on-register = नंबर कॉल न करने की सूची में है ({ $registers })
consent-withdrawn = नंबर के मालिक ने सहमति वापस ली है
no-consent-recorded = { $purpose ->
    [turnout] मतदान की याद
    [material] प्रचार सामग्री
    [survey] सर्वेक्षण
   *[booth-workers] बूथ कार्यकर्ता
  } वाली { $voice ->
    [recorded] रिकॉर्ड की हुई
   *[live] एजेंट की
  } कॉल के लिए सहमति चाहिए, और कोई सहमति दर्ज नहीं है
register-not-imported = कॉल न करने की सूची '{ $register }' आयात नहीं हुई है (`dialer register import` चलाएँ)
register-too-old = कॉल न करने की सूची '{ $register }' { $days } दिन पुरानी है; सीमा { $most } दिन है
certificate-needed = { $purpose ->
    [turnout] मतदान की याद
    [material] प्रचार सामग्री
    [survey] सर्वेक्षण
   *[booth-workers] बूथ कार्यकर्ता
  } वाली रिकॉर्ड की हुई कॉल के लिए प्रमाणपत्र चाहिए: { $problem }
certificate-expired = उसकी अवधि { $day } को समाप्त हुई
no-recording-certified-in-language = '{ $language }' भाषा में कोई रिकॉर्डिंग प्रमाणित नहीं है
prompts-unknown = सुनाए जाने वाले संदेश पता नहीं (`audio.catalogue` जाँचें)
prompt-without-certificate = के पास प्रमाणपत्र नहीं है; `dialer audio approve` देखें
prompt-not-certified-recording = वह रिकॉर्डिंग नहीं जिसके लिए प्रमाणपत्र { $certificate } मिला था
prompt-not-in-catalogue = सूचीपत्र में नहीं है; `dialer audio prepare` चलाएँ
sound-not-in-catalogue = { $sound } सूचीपत्र का संदेश नहीं है
problem-of-prompt = { $prompt } { $problem }
caller-id-not-in-pool = कॉलर आईडी इस साइट की नहीं है
caller-id-outside-series = कॉलर आईडी अनुमति वाली श्रृंखला की नहीं है
poll-of-area-closed = इस मतदान क्षेत्र में मतदान { $time } पर समाप्त हुआ
erasure-due = { $day } के मतदान के { $days } दिन बाद नाम और नंबर मिटाने होते हैं (`dialer purge` चलाएँ)
polling-day-unknown = इस मतदान क्षेत्र का मतदान का दिन पता नहीं (`[[rules.polls]]`), इसलिए प्रचार-निषेध की अवधि चल रही हो सकती है
close-of-poll-unknown = इस मतदान क्षेत्र में मतदान समाप्त होने का समय पता नहीं (`rules.polls` में या मतदाता सूची में दें)
close-of-poll-unknown-for-booth-workers = मतदान समाप्त होने का समय पता नहीं (`rules.polls` में या मतदाता सूची में दें)
in-silence-interval = मतदान क्षेत्र में प्रचार-निषेध की अवधि: { $purpose ->
    [turnout] मतदान की याद
    [material] प्रचार सामग्री
    [survey] सर्वेक्षण
   *[booth-workers] बूथ कार्यकर्ता
  } वाली कॉल नहीं लगतीं
in-silence-interval-recorded = मतदान क्षेत्र में प्रचार-निषेध की अवधि: { $purpose ->
    [turnout] मतदान की याद
    [material] प्रचार सामग्री
    [survey] सर्वेक्षण
   *[booth-workers] बूथ कार्यकर्ता
  } वाली रिकॉर्ड की हुई कॉल नहीं लगतीं
time-zone-unknown = नंबर का समय क्षेत्र पता नहीं
redial-locked = इस नंबर की एक कॉल छूट गई थी, इसलिए अभी दोबारा नहीं लगती
recent-conversation = इस नंबर पर हाल में बातचीत हुई: कोई अभियान कॉल नहीं करता
called-recently = पिछले { $minutes } मिनट में इस नंबर पर कॉल हुई: दोबारा नहीं लगती
daily-attempts-made = आज सभी अभियानों में { $attempts } प्रयास; सीमा { $most } है
daily-conversations-held = आज { $conversations } बातचीत; सीमा { $most } है
not-e164 = नंबर E.164 रूप में नहीं है
prefix-not-allowed = नंबर की शुरुआत के अंकों की अनुमति नहीं (`dialling.allowed_prefixes`)
prefix-denied = नंबर की शुरुआत के अंक वर्जित हैं (`dialling.denied_prefixes`)
in-every-polling-area = हर मतदान क्षेत्र में: { $reasons }
no-polling-day-for-booth-workers = बूथ कार्यकर्ताओं को केवल मतदान के दिन कॉल होती है, और कोई मतदान का दिन पता नहीं; `[[rules.polls]]` जोड़ें
polling-day-over = मतदान का दिन { $day } बीत चुका है
polling-day-only = केवल मतदान के दिन { $day } को कॉल होती है
last-call-made = मतदान के दिन की आख़िरी कॉल का समय { $time } था

## अभियान की जाँच

subject-campaign = अभियान { $campaign }
subject-campaign-live = अभियान { $campaign } ({ $purpose ->
    [turnout] मतदान की याद
    [material] प्रचार सामग्री
    [survey] सर्वेक्षण
   *[booth-workers] बूथ कार्यकर्ता
  }, एजेंट)
subject-campaign-recorded = अभियान { $campaign } ({ $purpose ->
    [turnout] मतदान की याद
    [material] प्रचार सामग्री
    [survey] सर्वेक्षण
   *[booth-workers] बूथ कार्यकर्ता
  }, रिकॉर्डिंग)
subject-rules = नियम
subject-register = सूची { $register }
subject-silence-interval = प्रचार-निषेध की अवधि
subject-polling-areas = मतदान क्षेत्र
profile-in-force = नियमों का प्रोफ़ाइल { $profile } लागू है, और कोई सेटिंग उससे ढीली नहीं
rules-unconfirmed = प्रोफ़ाइल के { $count } नियम क़ानून के पाठ से मिलाए नहीं गए हैं
have-rules-confirmed = किसी वकील से पुष्टि कराएँ (`dialer rules show`)
no-candidate = { $campaigns } का उम्मीदवार तय नहीं, इसलिए उसकी कॉल खर्च की रिपोर्ट में नहीं आतीं
set-candidate = `campaigns.candidate` तय करें
register-age = { $numbers } नंबर, तारीख़ { $date }, { $days } दिन पुरानी
register-outdated = { $numbers } नंबर, तारीख़ { $date }, { $days } दिन पुरानी, अधिकतम { $most }
import-newest-register = उसका नया संस्करण आयात करें
prompts-certified = उसके सभी संदेश इन भाषाओं में प्रमाणित हैं: { $languages }; दूसरी भाषाओं के मतदाताओं को कॉल नहीं होती
certified-until = { $language } { $day } तक
certified-without-end = { $language } अगली सूचना तक
consents-recorded = उसकी कॉल के लिए सहमति चाहिए, जो { $numbers } में से { $given } नंबरों की दर्ज है
import-consents = सहमतियाँ आयात करें (`dialer consent import`)
others-not-called = बाकी नंबरों पर कॉल नहीं होती
campaign-must-be-resumed = { $state ->
    [paused] अभियान विराम पर है: पर्यवेक्षक को उसे शुरू करना होगा
   *[stopped] अभियान रोका गया है: पर्यवेक्षक को उसे शुरू करना होगा
  }
may-call-now = अभी कॉल कर सकता है; कॉल का समय { $hours } ({ $zone })
may-call-later = { $reason }; अगली कॉल: { $time }
hours-limited = प्रोफ़ाइल { $profile } कॉल के समय { $hours } को इतना सीमित करता है: { $allowed }
hours-limited-in-time-zone-of-number = प्रोफ़ाइल { $profile } कॉल के समय { $hours } को नंबर के समय क्षेत्र में इतना सीमित करता है: { $allowed }
hours-on-days = { $days ->
    [weekdays] सोमवार से शुक्रवार
    [Saturdays] शनिवार
    [Sundays] रविवार
   *[holidays] छुट्टियों
  } को { $hours }
no-hours = कोई समय नहीं
no-silence-interval = किसी अभियान पर प्रचार-निषेध की अवधि लागू नहीं; { $count } मतदान क्षेत्र
constituencies-without-polling-day = निर्वाचन क्षेत्र { $constituencies } का मतदान का दिन पता नहीं, इसलिए { $campaigns } वहाँ कॉल नहीं कर सकता
add-polls = `[[rules.polls]]` जोड़ें
areas-without-close-of-poll = { $count } मतदान क्षेत्रों में मतदान समाप्त होने का समय पता नहीं, इसलिए { $campaigns } वहाँ कॉल नहीं कर सकता
import-close-times = समाप्ति के समय के साथ मतदाता सूची आयात करें, या `rules.polls.closes_at` तय करें
close-of-poll-known = सभी { $count } मतदान क्षेत्रों में मतदान समाप्त होने का समय पता है
close-of-poll-not-checked = मतदान समाप्त होने का समय जाँचा नहीं गया, क्योंकि डेटाबेस नहीं है
flow-valid-with-version = कॉल फ़्लो { $flow } { $version } सही है
flow-in-file-of-other-name = { $file } में कॉल फ़्लो { $flow } है: रिपोर्टें यह नाम लेती हैं, दूसरे कॉल फ़्लो फ़ाइल का
give-flow-and-file-same-name = दोनों का नाम एक रखें
no-seats-for-transfers = कॉल फ़्लो { $flow } कॉल एजेंटों को भेजता है, पर कोई सीट नहीं है
add-seats = `[[seats]]` जोड़ें
script-valid = एजेंटों की स्क्रिप्ट { $script } सही है
script-not-in-language = स्क्रिप्ट { $script } का { $language } (`centre.language`) में पाठ नहीं: एजेंट उसे { $other } में पढ़ते हैं
agi-script-exists = स्क्रिप्ट { $script } मौजूद है
agi-script-cannot-be-run = स्क्रिप्ट { $script } चलाई नहीं जा सकती: { $problem }
no-user-for-scripts = इस मशीन पर उपयोगकर्ता '{ $user }' नहीं है; उसे बनाएँ, या `flows.script_user` बदलें
no-folder-for-script-errors = फ़ोल्डर { $folder } नहीं है; उसे बनाएँ, या `flows.script_errors` बदलें
user-has-no-access-to-script = वह उपयोगकर्ता '{ $user }' के रूप में चलती है, जिसे { $path } की अनुमति नहीं; अनुमति दें, या `flows.script_user` तय करें

## सेटिंग की ग़लतियाँ

setting-missing = नहीं दी गई है
add-setting = उसे जोड़ें, { $reference } देखें
setting-renamed = का नाम बदल गया है
write-name = { $name } लिखें
not-a-setting = कोई सेटिंग नहीं है
similar-setting = क्या आपका मतलब { $name } है?
correct-setting-name = उसे हटाएँ या उसकी वर्तनी सुधारें, { $reference } देखें
problem-with-value = { $problem } (अभी { $value } है)
must-be-share = 0 से 1 तक का भाग होना चाहिए; { $per_cent } % के लिए { $share } लिखें
must-be-above = { $limit } से अधिक होना चाहिए
must-be-at-least = { $limit } या उससे अधिक होना चाहिए
must-be-below = { $limit } से कम होना चाहिए
must-be-at-most = { $limit } या उससे कम होना चाहिए
must-be-whole-number = पूर्ण संख्या होनी चाहिए
must-be-number = संख्या होनी चाहिए
must-be-finite-number = सीमित संख्या होनी चाहिए
must-be-text = पाठ होना चाहिए
must-be-list = सूची होनी चाहिए
must-be-path = उद्धरण चिह्नों में पथ होना चाहिए
must-be-one-of = इनमें से एक होना चाहिए: { $choices }
text-too-long = अधिकतम { $most } अक्षर होने चाहिए
must-be-slug = 1 से 32 छोटे अक्षर a-z, अंक और डैश होने चाहिए, पहला वर्ण डैश न हो
must-be-local-time = "09:00" जैसा समय होना चाहिए, समय क्षेत्र के बिना; समय `centre.time_zone` के अनुसार होता है
hours-end-before-start = कॉल का समय शुरू होने के बाद समाप्त होना चाहिए (अभी { $start } से { $until } है)
ivr-needs-flow = `ivr` अभियान को कॉल फ़्लो चाहिए, जैसे `flow = "turnout"`
agents-campaign-with-flow = `agents` अभियान कोई कॉल फ़्लो नहीं चलाता; `flow` हटाएँ, या `kind = "ivr"` लिखें
ivr-with-script = `ivr` अभियान में स्क्रिप्ट पढ़ने वाले एजेंट नहीं होते; `script` हटाएँ, या `kind = "agents"` लिखें
ivr-with-weight = `ivr` अभियान में बाँटने के लिए एजेंट नहीं होते; `weight` हटाएँ, या `kind = "agents"` लिखें
name-fixed = बदला नहीं जा सकता
keep-name = { $campaign } ही रखें, या दूसरा अभियान जोड़ें
campaign-not-in-file = में '{ $campaign }' अभियान नहीं है
reload-page = पेज फिर से लोड करें
name-of-earlier-campaign = '{ $campaign }' एक पुराने अभियान का नाम था, जिसकी कॉल सहेजी हुई हैं
choose-other-name = दूसरा नाम चुनें
value-not-offered = '{ $value }' उपलब्ध नहीं है
choose-one-of = इनमें से एक चुनें: { $choices }
no-choices = कोई नहीं

## नियमों के प्रोफ़ाइल से ढीली सेटिंग

named-profile = प्रोफ़ाइल '{ $profile }'
caller-id-of-trunk-outside-series = एक कॉलर आईडी { $profile } की नंबर श्रृंखला ({ $series }) से बाहर है
use-numbers-of-series = उस श्रृंखला के नंबर लिखें
recording-forbidden = { $profile } बातचीत रिकॉर्ड करने की अनुमति नहीं देता
do-not-record = इसे `false` करें, या अपना प्रोफ़ाइल उस क़ानून के साथ बनाएँ जो इसकी अनुमति देता है
sample-forbidden = { $profile } कॉल रिकॉर्ड करने की अनुमति नहीं देता
set-to-zero = इसे 0 करें, या अपना प्रोफ़ाइल उस क़ानून के साथ बनाएँ जो इसकी अनुमति देता है
machine-detection-forbidden = { $profile } आंसरिंग मशीन की पहचान की अनुमति नहीं देता
detect-no-machines = `"after-seat"` या `"off"` लिखें
material-needs-candidate = { $profile } के अनुसार प्रचार सामग्री के लिए उम्मीदवार का नाम चाहिए, ख़र्च की रिपोर्ट के लिए
name-candidate = उम्मीदवार का नाम लिखें
voice-not-certified = { $profile } के अनुसार प्रमाणित रिकॉर्डिंग चाहिए, पर ट्रंक की सेवा पाठ अपनी आवाज़ में सुनाएगी
set-sounds-url = `twilio.sounds_url` तय करें, या अभियान को दूसरे ट्रंक दें
value-looser = { $value } उससे ढीला है जितना { $profile } अनुमति देता है
set-at-least = कम से कम { $least } रखें
set-at-most = अधिकतम { $most } रखें
agi-script-undeclared = एजीआई स्क्रिप्ट चलाता है, पर अभियान '{ $campaign }' में यह घोषणा नहीं कि वह क्या करती है
declare-script = उस अभियान में `[campaigns.declared]` जोड़ें
flow-recordings-forbidden = { $profile } रिकॉर्डिंग की अनुमति नहीं देता
do-not-record-flows = इसे `false` करें, या अपना प्रोफ़ाइल बनाएँ
sign-off-of-unknown-campaign = '{ $campaign }' नाम का कोई `ivr` अभियान नहीं है
correct-campaign = अभियान का नाम सुधारें
sign-off-forbidden = { $profile } इस मंज़ूरी की अनुमति नहीं देता
remove-it = इसे हटाएँ
transport-forbidden = { $profile } मतदान तक सवारी देने की अनुमति नहीं देता
remove-offer-from-script = स्क्रिप्ट से वह बात हटाएँ
synthetic-voice-unannounced = { $profile } के अनुसार कृत्रिम आवाज़ की सूचना देनी होती है
announce-synthetic-voice = स्क्रिप्ट में इसकी सूचना दें, और `"computer-labelled"` लिखें

## मतदाता सूची की चेतावनियाँ

roll-without-phone-numbers = कोई कॉलम फ़ोन नंबर के रूप में नहीं पढ़ा जाता: इस फ़ाइल के किसी मतदाता को कॉल नहीं हो सकती; किसी कॉलम को मोबाइल नंबर चुनें (`--map` फ़ाइल में: `[columns]` के नीचे `mobile = "HEADING"`)
roll-without-names = कोई कॉलम नाम के रूप में नहीं पढ़ा जाता: एजेंटों और बूथ सूचियों के पास नाम नहीं होंगे; किसी कॉलम को नाम चुनें (`--map` फ़ाइल में: `[columns]` के नीचे `name = "HEADING"`)
roll-column-of-numbers-not-read = { $heading }: पहली { $cells } कोशिकाओं में से { $numbers } में फ़ोन नंबर हैं, पर यह कॉलम पढ़ा नहीं जाता; इसे मोबाइल नंबर चुनें (`--map` फ़ाइल में: `[columns]` के नीचे { $mapping })
column-without-heading = बिना शीर्षक वाला कॉलम
roll-names-garbled = { $heading }: पहले { $cells } नामों में से { $names } नाम `UTF-8` के हैं जो रोमन अक्षर बन गए हैं ({ $example }): एजेंट उन्हें पढ़ नहीं सकते; सूची को फिर से `UTF-8` में निर्यात करें
roll-names-in-legacy-font = { $heading }: पहले { $cells } नामों में से { $names } नाम कृतिदेव जैसे पुराने फ़ॉन्ट में लगते हैं ({ $example }): एजेंट उन्हें पढ़ नहीं सकते; पहले उन्हें यूनिकोड में बदलवाएँ
