title = Matdan
language = زبان
cancel = رہنے دیں
sign-in = سائن اِن کریں
sign-out = سائن آؤٹ

problem-wrong = نام یا پاس ورڈ غلط ہے۔
problem-locked = کئی بار غلط ہوا۔ { $seconds } سیکنڈ بعد پھر کوشش کریں۔
problem-busy = بہت لوگ ایک ساتھ سائن ان کر رہے ہیں۔ چند سیکنڈ بعد پھر کوشش کریں۔
problem-signed-out = آپ سائن آؤٹ ہو گئے ہیں۔ پھر سائن ان کریں۔
problem-role = آپ کے کردار کو اس کی اجازت نہیں۔
problem-values = ڈیسک یہ نہیں سمجھا۔ صفحہ پھر کھولیں۔
problem-broker-away = کچھ نہیں بھیجا گیا: ڈیسک کا بروکر سے رابطہ نہیں۔
problem-no-desk = ڈیسک جواب نہیں دے رہا۔ نیٹ ورک دیکھیں، پھر کوشش کریں۔
problem-other-site = درخواست کسی اور صفحے سے آئی، اس لیے نہیں لی گئی۔
problem-not-saved = محفوظ نہیں ہو سکا: ڈیسک کی مشین کی ڈسک دیکھیں۔
problem-host = ڈیسک کو اس کے اپنے پتے سے کھولیں۔
problem-nothing-here = یہاں کچھ نہیں۔
problem-too-long = یہ بہت لمبا ہے: کچھ نہیں ہوا۔ چھوٹا کریں۔
problem-not-json = ڈیسک یہ نہیں سمجھا۔ صفحہ پھر کھولیں۔
problem-no-command = ڈیسک یہ حکم نہیں جانتا۔ صفحہ پھر کھولیں۔

seat-offline = آف لائن
seat-ready = تیار
seat-reserved = کال آ رہی ہے
seat-talking = بات جاری ہے
seat-wrap-up = کال کے بعد کا کام
seat-paused = وقفے پر
seat-lost = فون نہیں

help-hold = ہولڈ پر
help-calling = مدد کے لیے فون ہو رہا ہے
help-consult = مشورہ
help-returning = ووٹر واپس آ رہے ہیں
help-merging = ووٹر شامل ہو رہے ہیں
help-three-way = تینوں کی بات
recording-on = ریکارڈ ہو رہا ہے
recording-paused = ریکارڈنگ رکی ہے

pause-break = وقفہ
pause-preview-unanswered = دکھائی گئی کال کا جواب نہیں
pause-meal = کھانا
pause-training = تربیت
pause-meeting = میٹنگ
pause-technical = تکنیکی خرابی
