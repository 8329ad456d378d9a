title = Matdan
language = زبان
cancel = رہنے دیں
sign-in = سائن ان کریں
sign-out = سائن آؤٹ کریں

problem-wrong = نام یا پاس ورڈ غلط ہے۔
problem-locked = بہت سی ناکام کوششیں ہوئیں۔ { $seconds } سیکنڈ بعد دوبارہ کوشش کریں۔
problem-busy = اس وقت بہت سے لوگ سائن ان کر رہے ہیں۔ چند سیکنڈ بعد دوبارہ کوشش کریں۔
problem-signed-out = آپ سائن آؤٹ ہیں۔ دوبارہ سائن ان کریں۔
problem-role = آپ کے رول میں اس کی اجازت نہیں ہے۔
problem-values = سرور نے درخواست قبول نہیں کی۔ صفحہ دوبارہ لوڈ کریں۔
problem-broker-away = کچھ نہیں بھیجا گیا: ڈیسک کا بروکر سے رابطہ نہیں ہے۔ دوبارہ کوشش کریں۔
problem-no-desk = ڈیسک جواب نہیں دے رہا۔ نیٹ ورک دیکھیں، پھر دوبارہ کوشش کریں۔
problem-other-site = درخواست رد کر دی گئی۔ وہ کسی دوسری ویب سائٹ سے آئی تھی۔
problem-not-saved = محفوظ نہیں ہوا۔ ڈیسک کے سرور کی ڈسک دیکھیں۔
problem-host = Matdan اس پتے پر دستیاب نہیں ہے۔ اپنے ایڈمن کا دیا ہوا پتہ کھولیں۔
problem-nothing-here = صفحہ نہیں ملا۔
problem-too-long = بہت لمبا ہے: کچھ محفوظ نہیں ہوا۔ چھوٹا کر کے دوبارہ کوشش کریں۔
problem-not-json = سرور نے درخواست قبول نہیں کی۔ صفحہ دوبارہ لوڈ کریں۔
problem-no-command = نامعلوم کمانڈ۔ صفحہ دوبارہ لوڈ کریں۔

seat-offline = آف لائن
seat-ready = تیار
seat-reserved = کال آ رہی ہے
seat-talking = بات جاری ہے
seat-wrap-up = ریپ اپ
seat-paused = وقفے پر
seat-lost = فون کٹ گیا

help-hold = ہولڈ پر
phone-on-hold = فون سے ہولڈ پر
help-calling = دوسرے فون پر کال ہو رہی ہے
help-consult = مشورہ
help-returning = ووٹر سے دوبارہ جوڑا جا رہا ہے
help-merging = تینوں کو جوڑا جا رہا ہے
help-three-way = تین طرفہ کال
recording-on = ریکارڈنگ جاری ہے
recording-paused = ریکارڈنگ رکی ہے

pause-break = آرام
pause-preview-unanswered = پری ویو کا جواب نہیں دیا گیا
pause-meal = کھانا
pause-training = تربیت
pause-meeting = میٹنگ
pause-technical = تکنیکی خرابی
