title = Matdan
language = ಭಾಷೆ
cancel = ರದ್ದು ಮಾಡಿ
sign-in = ಸೈನ್ ಇನ್ ಮಾಡಿ
sign-out = ಸೈನ್ ಔಟ್

problem-wrong = ಹೆಸರು ಅಥವಾ ಪಾಸ್‌ವರ್ಡ್ ತಪ್ಪು.
problem-locked = ಹಲವು ತಪ್ಪು ಪ್ರಯತ್ನಗಳಾಗಿವೆ. { $seconds } ಸೆಕೆಂಡ್ ನಂತರ ಮತ್ತೆ ಪ್ರಯತ್ನಿಸಿ.
problem-busy = ಈಗ ಹಲವರು ಸೈನ್ ಇನ್ ಆಗುತ್ತಿದ್ದಾರೆ. ಕೆಲವು ಸೆಕೆಂಡ್ ನಂತರ ಮತ್ತೆ ಪ್ರಯತ್ನಿಸಿ.
problem-signed-out = ನೀವು ಸೈನ್ ಔಟ್ ಆಗಿದ್ದೀರಿ. ಮತ್ತೆ ಸೈನ್ ಇನ್ ಮಾಡಿ.
problem-role = ನಿಮ್ಮ ಪಾತ್ರದಲ್ಲಿ ಇದಕ್ಕೆ ಅನುಮತಿ ಇಲ್ಲ.
problem-values = ಸರ್ವರ್ ವಿನಂತಿಯನ್ನು ಒಪ್ಪಲಿಲ್ಲ. ಪುಟವನ್ನು ರೀಲೋಡ್ ಮಾಡಿ.
problem-broker-away = ಏನೂ ಕಳುಹಿಸಿಲ್ಲ: ಡೆಸ್ಕ್‌ಗೆ ಬ್ರೋಕರ್ ಜೊತೆ ಸಂಪರ್ಕವಿಲ್ಲ. ಮತ್ತೆ ಪ್ರಯತ್ನಿಸಿ.
problem-no-desk = ಡೆಸ್ಕ್ ಉತ್ತರಿಸುತ್ತಿಲ್ಲ. ನೆಟ್‌ವರ್ಕ್ ನೋಡಿ, ಮತ್ತೆ ಪ್ರಯತ್ನಿಸಿ.
problem-other-site = ವಿನಂತಿಯನ್ನು ತಿರಸ್ಕರಿಸಲಾಗಿದೆ. ಅದು ಬೇರೆ ವೆಬ್‌ಸೈಟ್‌ನಿಂದ ಬಂದಿದೆ.
problem-not-saved = ಸೇವ್ ಆಗಿಲ್ಲ. ಡೆಸ್ಕ್ ಸರ್ವರ್‌ನ ಡಿಸ್ಕ್ ನೋಡಿ.
problem-host = ಈ ವಿಳಾಸದಲ್ಲಿ Matdan ಲಭ್ಯವಿಲ್ಲ. ನಿಮ್ಮ ಅಡ್ಮಿನ್ ಕೊಟ್ಟ ವಿಳಾಸವನ್ನು ತೆರೆಯಿರಿ.
problem-nothing-here = ಪುಟ ಸಿಗಲಿಲ್ಲ.
problem-too-long = ತುಂಬ ಉದ್ದವಾಗಿದೆ: ಏನೂ ಸೇವ್ ಆಗಿಲ್ಲ. ಚಿಕ್ಕದು ಮಾಡಿ, ಮತ್ತೆ ಪ್ರಯತ್ನಿಸಿ.
problem-not-json = ಸರ್ವರ್ ವಿನಂತಿಯನ್ನು ಒಪ್ಪಲಿಲ್ಲ. ಪುಟವನ್ನು ರೀಲೋಡ್ ಮಾಡಿ.
problem-no-command = ಗೊತ್ತಿಲ್ಲದ ಆದೇಶ. ಪುಟವನ್ನು ರೀಲೋಡ್ ಮಾಡಿ.

seat-offline = ಆಫ್‌ಲೈನ್
seat-ready = ಸಿದ್ಧ
seat-reserved = ಕರೆ ಬರುತ್ತಿದೆ
seat-talking = ಮಾತುಕತೆಯಲ್ಲಿ
seat-wrap-up = ರಾಪ್-ಅಪ್
seat-paused = ವಿರಾಮದಲ್ಲಿ
seat-lost = ಫೋನ್ ಸಂಪರ್ಕ ಕಡಿದಿದೆ

help-hold = ಹೋಲ್ಡ್‌ನಲ್ಲಿ
phone-on-hold = ಫೋನ್‌ನಿಂದ ಹೋಲ್ಡ್‌ನಲ್ಲಿ
help-calling = ಬೇರೆ ಫೋನ್‌ಗೆ ಕರೆ ಹೋಗುತ್ತಿದೆ
help-consult = ಸಮಾಲೋಚನೆ
help-returning = ಮತದಾರರನ್ನು ಮತ್ತೆ ಜೋಡಿಸಲಾಗುತ್ತಿದೆ
help-merging = ಮೂವರನ್ನೂ ಜೋಡಿಸಲಾಗುತ್ತಿದೆ
help-three-way = ಮೂವರ ಕರೆ
recording-on = ರೆಕಾರ್ಡಿಂಗ್ ನಡೆಯುತ್ತಿದೆ
recording-paused = ರೆಕಾರ್ಡಿಂಗ್ ನಿಂತಿದೆ

pause-break = ವಿರಾಮ
pause-preview-unanswered = ಪ್ರಿವ್ಯೂಗೆ ಉತ್ತರವಿಲ್ಲ
pause-meal = ಊಟ
pause-training = ತರಬೇತಿ
pause-meeting = ಸಭೆ
pause-technical = ತಾಂತ್ರಿಕ ತೊಂದರೆ
