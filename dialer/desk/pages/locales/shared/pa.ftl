title = Matdan
language = ਭਾਸ਼ਾ
cancel = ਰਹਿਣ ਦਿਓ
sign-in = ਸਾਈਨ ਇਨ ਕਰੋ
sign-out = ਸਾਈਨ ਆਊਟ

problem-wrong = ਨਾਂ ਜਾਂ ਪਾਸਵਰਡ ਗ਼ਲਤ ਹੈ।
problem-locked = ਕਈ ਵਾਰ ਗ਼ਲਤ ਹੋਇਆ। { $seconds } ਸਕਿੰਟ ਬਾਅਦ ਫਿਰ ਕੋਸ਼ਿਸ਼ ਕਰੋ।
problem-busy = ਕਈ ਲੋਕ ਇਕੱਠੇ ਸਾਈਨ ਇਨ ਕਰ ਰਹੇ ਹਨ। ਕੁਝ ਸਕਿੰਟ ਬਾਅਦ ਫਿਰ ਕੋਸ਼ਿਸ਼ ਕਰੋ।
problem-signed-out = ਤੁਸੀਂ ਸਾਈਨ ਆਊਟ ਹੋ ਗਏ ਹੋ। ਫਿਰ ਸਾਈਨ ਇਨ ਕਰੋ।
problem-role = ਤੁਹਾਡੀ ਭੂਮਿਕਾ ਨੂੰ ਇਸ ਦੀ ਇਜਾਜ਼ਤ ਨਹੀਂ।
problem-values = ਡੈਸਕ ਨੂੰ ਇਹ ਸਮਝ ਨਹੀਂ ਆਇਆ। ਪੰਨਾ ਫਿਰ ਖੋਲ੍ਹੋ।
problem-broker-away = ਕੁਝ ਨਹੀਂ ਭੇਜਿਆ: ਡੈਸਕ ਦਾ ਬ੍ਰੋਕਰ ਨਾਲ ਸੰਪਰਕ ਨਹੀਂ।
problem-no-desk = ਡੈਸਕ ਜਵਾਬ ਨਹੀਂ ਦੇ ਰਿਹਾ। ਨੈੱਟਵਰਕ ਵੇਖੋ, ਫਿਰ ਕੋਸ਼ਿਸ਼ ਕਰੋ।
problem-other-site = ਬੇਨਤੀ ਕਿਸੇ ਹੋਰ ਪੰਨੇ ਤੋਂ ਆਈ, ਇਸ ਲਈ ਨਹੀਂ ਲਈ।
problem-not-saved = ਸਾਂਭਿਆ ਨਹੀਂ ਗਿਆ: ਡੈਸਕ ਦੀ ਮਸ਼ੀਨ ਦੀ ਡਿਸਕ ਵੇਖੋ।
problem-host = ਡੈਸਕ ਨੂੰ ਉਸ ਦੇ ਆਪਣੇ ਪਤੇ ਤੋਂ ਖੋਲ੍ਹੋ।
problem-nothing-here = ਇੱਥੇ ਕੁਝ ਨਹੀਂ।
problem-too-long = ਇਹ ਬਹੁਤ ਲੰਮਾ ਹੈ: ਕੁਝ ਨਹੀਂ ਹੋਇਆ। ਛੋਟਾ ਕਰੋ।
problem-not-json = ਡੈਸਕ ਨੂੰ ਇਹ ਸਮਝ ਨਹੀਂ ਆਇਆ। ਪੰਨਾ ਫਿਰ ਖੋਲ੍ਹੋ।
problem-no-command = ਡੈਸਕ ਇਹ ਹੁਕਮ ਨਹੀਂ ਜਾਣਦਾ। ਪੰਨਾ ਫਿਰ ਖੋਲ੍ਹੋ।

seat-offline = ਆਫ਼ਲਾਈਨ
seat-ready = ਤਿਆਰ
seat-reserved = ਕਾਲ ਆ ਰਹੀ ਹੈ
seat-talking = ਗੱਲ ਚੱਲ ਰਹੀ
seat-wrap-up = ਕਾਲ ਬਾਅਦ ਦਾ ਕੰਮ
seat-paused = ਵਿਰਾਮ 'ਤੇ
seat-lost = ਫ਼ੋਨ ਨਹੀਂ

help-hold = ਹੋਲਡ 'ਤੇ
help-calling = ਮਦਦ ਲਈ ਫ਼ੋਨ ਹੋ ਰਿਹਾ ਹੈ
help-consult = ਸਲਾਹ
help-returning = ਵੋਟਰ ਵਾਪਸ ਆ ਰਿਹਾ ਹੈ
help-merging = ਵੋਟਰ ਜੁੜ ਰਿਹਾ ਹੈ
help-three-way = ਤਿੰਨਾਂ ਦੀ ਗੱਲ
recording-on = ਰਿਕਾਰਡ ਹੋ ਰਿਹਾ ਹੈ
recording-paused = ਰਿਕਾਰਡਿੰਗ ਰੁਕੀ ਹੈ

pause-break = ਵਿਰਾਮ
pause-preview-unanswered = ਦਿਖਾਈ ਕਾਲ ਦਾ ਜਵਾਬ ਨਹੀਂ
pause-meal = ਖਾਣਾ
pause-training = ਸਿਖਲਾਈ
pause-meeting = ਮੀਟਿੰਗ
pause-technical = ਤਕਨੀਕੀ ਖ਼ਰਾਬੀ
