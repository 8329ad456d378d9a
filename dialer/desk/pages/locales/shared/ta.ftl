title = Matdan
language = மொழி
cancel = வேண்டாம்
sign-in = உள்நுழையவும்
sign-out = வெளியேறு

problem-wrong = பெயர் அல்லது கடவுச்சொல் தவறு.
problem-locked = பல முறை தவறாகிவிட்டது. { $seconds } வினாடிகள் கழித்து மீண்டும் முயலுங்கள்.
problem-busy = பலர் ஒரே நேரத்தில் உள்நுழைகிறார்கள். சில வினாடிகள் கழித்து மீண்டும் முயலுங்கள்.
problem-signed-out = நீங்கள் வெளியேறிவிட்டீர்கள். மீண்டும் உள்நுழையுங்கள்.
problem-role = உங்கள் பொறுப்புக்கு இதற்கு அனுமதி இல்லை.
problem-values = இது டெஸ்க்குக்குப் புரியவில்லை. பக்கத்தை மீண்டும் திறக்கவும்.
problem-broker-away = எதுவும் அனுப்பப்படவில்லை: டெஸ்க்குக்கு புரோக்கருடன் இணைப்பு இல்லை.
problem-no-desk = டெஸ்க் பதில் தரவில்லை. நெட்வொர்க்கைப் பார்த்து மீண்டும் முயலுங்கள்.
problem-other-site = கோரிக்கை வேறு பக்கத்திலிருந்து வந்ததால் ஏற்கவில்லை.
problem-not-saved = சேமிக்க முடியவில்லை: டெஸ்க் கணினியின் டிஸ்க்கைப் பாருங்கள்.
problem-host = டெஸ்க்கை அதன் சொந்த முகவரியில் திறக்கவும்.
problem-nothing-here = இங்கே எதுவும் இல்லை.
problem-too-long = இது மிக நீளம்: எதுவும் செய்யவில்லை. சுருக்குங்கள்.
problem-not-json = இது டெஸ்க்குக்குப் புரியவில்லை. பக்கத்தை மீண்டும் திறக்கவும்.
problem-no-command = இந்தக் கட்டளை டெஸ்க்குக்குத் தெரியாது. பக்கத்தை மீண்டும் திறக்கவும்.

seat-offline = இணைப்பில் இல்லை
seat-ready = தயார்
seat-reserved = அழைப்பு வருகிறது
seat-talking = பேச்சில்
seat-wrap-up = அழைப்புக்குப் பின் வேலை
seat-paused = இடைநிறுத்தத்தில்
seat-lost = போன் இல்லை

help-hold = ஹோல்டில்
help-calling = உதவிக்கு அழைக்கிறது
help-consult = ஆலோசனை
help-returning = வாக்காளர் திரும்பி வருகிறார்
help-merging = வாக்காளர் சேர்கிறார்
help-three-way = மூவர் பேச்சு
recording-on = பதிவாகிறது
recording-paused = பதிவு நிறுத்தம்

pause-break = இடைவேளை
pause-preview-unanswered = காட்டிய அழைப்புக்குப் பதில் இல்லை
pause-meal = உணவு
pause-training = பயிற்சி
pause-meeting = கூட்டம்
pause-technical = தொழில்நுட்பச் சிக்கல்
