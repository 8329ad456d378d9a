### Urdu, as far as buttons and signs go; what is not here is said in English.

language = زبان
cancel = رہنے دیں
sign-in = سائن اِن کریں
seat-offline = آف لائن
seat-ready = تیار
seat-reserved = کال آ رہی ہے
seat-talking = بات جاری ہے
seat-paused = وقفے پر
pause-break = وقفہ
pause-preview-unanswered = دکھائی گئی کال کا جواب نہیں
pause-meal = کھانا
pause-training = تربیت
pause-meeting = میٹنگ
