### Punjabi, as far as buttons and signs go; what is not here is said in English.

language = ਭਾਸ਼ਾ
cancel = ਰਹਿਣ ਦਿਓ
sign-in = ਸਾਈਨ ਇਨ ਕਰੋ
seat-offline = ਆਫ਼ਲਾਈਨ
seat-ready = ਤਿਆਰ
seat-reserved = ਕਾਲ ਆ ਰਹੀ ਹੈ
seat-talking = ਗੱਲ ਚੱਲ ਰਹੀ
seat-paused = ਵਿਰਾਮ 'ਤੇ
pause-break = ਵਿਰਾਮ
pause-preview-unanswered = ਦਿਖਾਈ ਕਾਲ ਦਾ ਜਵਾਬ ਨਹੀਂ
pause-meal = ਖਾਣਾ
pause-training = ਸਿਖਲਾਈ
pause-meeting = ਮੀਟਿੰਗ
