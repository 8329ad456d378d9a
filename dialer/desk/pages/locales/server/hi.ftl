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
