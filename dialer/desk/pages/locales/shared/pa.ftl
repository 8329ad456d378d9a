title = Matdan
language = ਭਾਸ਼ਾ
cancel = ਰੱਦ ਕਰੋ
sign-in = ਸਾਈਨ ਇਨ ਕਰੋ
sign-out = ਸਾਈਨ ਆਊਟ ਕਰੋ

problem-wrong = ਨਾਂ ਜਾਂ ਪਾਸਵਰਡ ਗ਼ਲਤ ਹੈ।
problem-locked = ਬਹੁਤ ਵਾਰ ਗ਼ਲਤ ਕੋਸ਼ਿਸ਼ ਹੋਈ। { $seconds } ਸਕਿੰਟ ਬਾਅਦ ਫਿਰ ਕੋਸ਼ਿਸ਼ ਕਰੋ।
problem-busy = ਇਸ ਵੇਲੇ ਕਈ ਲੋਕ ਸਾਈਨ ਇਨ ਕਰ ਰਹੇ ਹਨ। ਕੁਝ ਸਕਿੰਟ ਬਾਅਦ ਫਿਰ ਕੋਸ਼ਿਸ਼ ਕਰੋ।
problem-signed-out = ਤੁਸੀਂ ਸਾਈਨ ਆਊਟ ਹੋ ਗਏ ਹੋ। ਫਿਰ ਸਾਈਨ ਇਨ ਕਰੋ।
problem-role = ਤੁਹਾਡੀ ਭੂਮਿਕਾ ਨੂੰ ਇਸ ਦੀ ਇਜਾਜ਼ਤ ਨਹੀਂ।
problem-values = ਸਰਵਰ ਨੇ ਬੇਨਤੀ ਨਹੀਂ ਮੰਨੀ। ਪੇਜ ਫਿਰ ਲੋਡ ਕਰੋ।
problem-broker-away = ਕੁਝ ਨਹੀਂ ਭੇਜਿਆ ਗਿਆ: ਡੈਸਕ ਬ੍ਰੋਕਰ ਨਾਲ ਜੁੜਿਆ ਨਹੀਂ ਹੈ। ਫਿਰ ਕੋਸ਼ਿਸ਼ ਕਰੋ।
problem-no-desk = ਡੈਸਕ ਜਵਾਬ ਨਹੀਂ ਦੇ ਰਿਹਾ। ਨੈੱਟਵਰਕ ਵੇਖੋ, ਫਿਰ ਦੁਬਾਰਾ ਕੋਸ਼ਿਸ਼ ਕਰੋ।
problem-other-site = ਬੇਨਤੀ ਰੱਦ ਕੀਤੀ। ਉਹ ਕਿਸੇ ਹੋਰ ਵੈੱਬਸਾਈਟ ਤੋਂ ਆਈ ਸੀ।
problem-not-saved = ਸੇਵ ਨਹੀਂ ਹੋਇਆ। ਡੈਸਕ ਦੇ ਸਰਵਰ ਦੀ ਡਿਸਕ ਵੇਖੋ।
problem-host = ਇਸ ਪਤੇ 'ਤੇ Matdan ਨਹੀਂ ਮਿਲਦਾ। ਆਪਣੇ ਐਡਮਿਨ ਦਾ ਦਿੱਤਾ ਪਤਾ ਖੋਲ੍ਹੋ।
problem-nothing-here = ਪੇਜ ਨਹੀਂ ਮਿਲਿਆ।
problem-too-long = ਬਹੁਤ ਲੰਮਾ ਹੈ: ਕੁਝ ਸੇਵ ਨਹੀਂ ਹੋਇਆ। ਛੋਟਾ ਕਰੋ ਤੇ ਫਿਰ ਕੋਸ਼ਿਸ਼ ਕਰੋ।
problem-not-json = ਸਰਵਰ ਨੇ ਬੇਨਤੀ ਨਹੀਂ ਮੰਨੀ। ਪੇਜ ਫਿਰ ਲੋਡ ਕਰੋ।
problem-no-command = ਅਣਜਾਣ ਹੁਕਮ। ਪੇਜ ਫਿਰ ਲੋਡ ਕਰੋ।

seat-offline = ਆਫ਼ਲਾਈਨ
seat-ready = ਤਿਆਰ
seat-reserved = ਕਾਲ ਆ ਰਹੀ ਹੈ
seat-talking = ਗੱਲ ਚੱਲ ਰਹੀ ਹੈ
seat-wrap-up = ਕਾਲ ਬਾਅਦ ਦਾ ਕੰਮ
seat-paused = ਵਿਰਾਮ 'ਤੇ
seat-lost = ਫ਼ੋਨ ਕੱਟਿਆ ਗਿਆ

help-hold = ਹੋਲਡ 'ਤੇ
phone-on-hold = ਫ਼ੋਨ ਤੋਂ ਹੋਲਡ 'ਤੇ
help-calling = ਦੂਜੇ ਫ਼ੋਨ 'ਤੇ ਕਾਲ ਹੋ ਰਹੀ ਹੈ
help-consult = ਸਲਾਹ
help-returning = ਵੋਟਰ ਫਿਰ ਜੁੜ ਰਿਹਾ ਹੈ
help-merging = ਤਿੰਨੇ ਜੁੜ ਰਹੇ ਹਨ
help-three-way = ਤਿੰਨਾਂ ਦੀ ਕਾਲ
recording-on = ਰਿਕਾਰਡਿੰਗ ਚਾਲੂ
recording-paused = ਰਿਕਾਰਡਿੰਗ ਰੋਕੀ ਹੋਈ

pause-break = ਬ੍ਰੇਕ
pause-preview-unanswered = ਪ੍ਰੀਵਿਊ ਦਾ ਜਵਾਬ ਨਹੀਂ ਦਿੱਤਾ
pause-meal = ਖਾਣਾ
pause-training = ਸਿਖਲਾਈ
pause-meeting = ਮੀਟਿੰਗ
pause-technical = ਤਕਨੀਕੀ ਖ਼ਰਾਬੀ
