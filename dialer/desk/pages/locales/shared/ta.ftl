### Tamil, as far as buttons and signs go; what is not here is said in English.

language = மொழி
cancel = வேண்டாம்
sign-in = உள்நுழையவும்
seat-offline = இணைப்பில் இல்லை
seat-ready = தயார்
seat-reserved = அழைப்பு வருகிறது
seat-talking = பேச்சில்
seat-paused = இடைநிறுத்தத்தில்
pause-break = இடைவேளை
pause-preview-unanswered = காட்டிய அழைப்புக்குப் பதில் இல்லை
pause-meal = உணவு
pause-training = பயிற்சி
pause-meeting = கூட்டம்
