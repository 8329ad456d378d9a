### कॉल फ़्लो के पेज के शब्द हिन्दी में। बोर्ड के शब्द भी लोड होते हैं।

flows = कॉल फ़्लो
flows-help = कॉल फ़्लो तय करता है कि कॉलर क्या सुनते हैं और कौन-से बटन दबा सकते हैं। अभियान और आने वाली कॉल के नंबर उसका उपयोग करते हैं।
flows-back = सभी कॉल फ़्लो
flow-name = नाम
flow-title = शीर्षक
flow-purpose = उद्देश्य
flow-origin = स्रोत
flow-used-by = इन अभियानों में
flow-state = जाँच का परिणाम
flow-action = खोलें
flow-open = खोलें
flow-valid = कोई ग़लती नहीं
flow-warnings = { $count ->
    [one] एक चेतावनी
   *[other] { $count } चेतावनियाँ
  }
flow-errors = { $count ->
    [one] एक ग़लती
   *[other] { $count } ग़लतियाँ
  }
flow-checking = कॉल फ़्लो की जाँच हो रही है
flow-line = पंक्ति { $line }
flow-language = कॉल की भाषा
flow-text = { $flow } का पाठ
flow-text-label = कॉल फ़्लो का पाठ
drawing = आरेख
drawing-none = अभी कोई आरेख नहीं। पहले ग़लतियाँ ठीक करें।
drawing-exceptions = चुप्पी, ग़लत बटन या विफलता के बाद

flow-copy = कॉपी करें
flow-copy-text = कॉपी { $folder } में सहेजी जाती है।
flow-copy-name = कॉपी का नाम
flow-copy-wrong = कॉपी नहीं हुई: नाम में 1 से 40 छोटे अंग्रेज़ी अक्षर, अंक और अंडरस्कोर रखें, पहले एक अक्षर।
flow-copy-taken = कॉपी नहीं हुई: { $flow } नाम का कॉल फ़्लो पहले से है।
flow-read-only = यह कॉल फ़्लो यहाँ बदला नहीं जा सकता। उसकी कॉपी बनाएँ, फिर कॉपी बदलें।
flow-no-folder = यहाँ कॉल फ़्लो बदले नहीं जा सकते। एडमिन से कहें कि `desk.flows_folder` तय करें और डेस्क को दोबारा चालू करें।
flow-changes = सहेजे जाने वाले बदलाव
flow-unchanged = सहेजने के लिए कोई बदलाव नहीं।
flow-save = सहेजें
flow-save-help = सहेजने के बाद शुरू होने वाली कॉल नए पाठ पर चलती हैं, यदि उनका अभियान { $file } को अपना कॉल फ़्लो मानकर चलता है।
flow-saved = { $flow } सहेजा गया।
flow-refused = डायलर ने कॉल फ़्लो स्वीकार नहीं किया, इसलिए कुछ सहेजा नहीं गया: { $text }
flow-unanswered = { $flow } सहेजा गया, पर डायलर ने जवाब नहीं दिया। कॉल फ़्लो अगली बार लोड होने पर वह काम में आएगा।
flow-discard = बदलाव छोड़ दें
ask-flow-discard = { $flow } में किए गए आपके बदलाव मिट जाएँगे।

origin-shipped = Matdan के साथ आया
origin-own = इसी साइट पर बनाया
origin-named = सेटिंग में नामित फ़ाइल

flow-purpose-turnout = मतदान की पूछताछ
flow-purpose-material = प्रचार सामग्री
flow-purpose-information = जानकारी
flow-purpose-confirmation = मिस्ड कॉल पर वापस कॉल
flow-purpose-inbound = आने वाली कॉल
flow-purpose-worker = बूथ कार्यकर्ता
flow-purpose-opt-out = कॉल न करने की माँग
flow-purpose-abandoned = कोई एजेंट ख़ाली नहीं था
flow-purpose-part = दूसरे कॉल फ़्लो का हिस्सा

try = आज़माएँ
try-help = आप कॉलर हैं। कुछ सहेजा नहीं जाता और किसी को कॉल नहीं जाती।
try-start = कॉल शुरू करें
try-again = फिर से शुरू करें
try-agent = मानें कि एक एजेंट उपलब्ध है
try-store = मानें कि जवाब सहेजे जा सकते हैं
try-sound = रिकॉर्डिंग सुनाएँ
try-play = सुनाएँ: { $text }
try-facts = कॉलर के बारे में जो पता है
try-facts-help = ख़ाली खाने का अर्थ है कि यह पता नहीं।
try-keys = { $end ->
    [none] { $digits ->
        [one] आपका बटन
       *[other] आपके अंक, अधिकतम { $digits }
      }
   *[other] आपके अंक, अधिकतम { $digits }। { $end } से समाप्त होते हैं।
  }
try-send = भेजें
try-silence = कोई बटन न दबाएँ
try-message = संदेश छोड़ें
try-hang-up = कॉल काटें
try-transcript = अब तक की कॉल
try-answers = कॉलर के जवाब:
try-no-answers = कॉलर ने कोई जवाब नहीं दिया।
try-outdated = यह कॉल शुरू होने के बाद पाठ बदला गया है। नया पाठ आज़माने के लिए फिर से शुरू करें।
line-prompt = कॉल फ़्लो:
line-keys = बटन:
line-silence = कोई बटन नहीं
line-message = एक संदेश
line-hang-up = कॉल काटी
line-result = परिणाम:
ending-completed = कॉल फ़्लो पूरा हुआ।
ending-transferred = एक एजेंट ने कॉल ले ली।
ending-hung-up = कॉलर ने कॉल काट दी।
ending-too-long = कॉल बहुत लंबी होने से समाप्त की गई।
ending-fault = कॉल समाप्त की गई, क्योंकि कॉल फ़्लो कभी समाप्त नहीं होता।

problem-flow-unknown = यह कॉल फ़्लो अब नहीं है। सूची पर लौटें।
problem-flow-invalid = कॉल फ़्लो में ग़लती है: { $text }
problem-flow-changed = कुछ सहेजा नहीं गया: आपके खोलने के बाद किसी और ने फ़ाइल बदली है। अपने बदलाव कहीं और कॉपी करें, यहाँ छोड़ दें, फिर दोबारा करें।
problem-flow-read-only = कुछ सहेजा नहीं गया: यह कॉल फ़्लो यहाँ बदला नहीं जा सकता। उसकी कॉपी बनाएँ, फिर कॉपी बदलें।
problem-flow-not-written = कॉल फ़्लो सहेजा नहीं गया: { $text }
problem-fact-invalid = कॉल शुरू नहीं हो सकती: { $text }
problem-flows-unreadable = कॉल फ़्लो पढ़े नहीं जा सकते: { $text }
problem-sound-missing = यह रिकॉर्डिंग सुनाई नहीं जा सकती।
