title = Matdan
language = ಭಾಷೆ
cancel = ಬೇಡ
sign-in = ಸೈನ್ ಇನ್ ಮಾಡಿ
sign-out = ಸೈನ್ ಔಟ್

problem-wrong = ಹೆಸರು ಅಥವಾ ಪಾಸ್‌ವರ್ಡ್ ತಪ್ಪು.
problem-locked = ಹಲವು ಬಾರಿ ತಪ್ಪಾಗಿದೆ. { $seconds } ಸೆಕೆಂಡ್ ನಂತರ ಮತ್ತೆ ಪ್ರಯತ್ನಿಸಿ.
problem-busy = ಹಲವರು ಒಟ್ಟಿಗೆ ಸೈನ್ ಇನ್ ಆಗುತ್ತಿದ್ದಾರೆ. ಕೆಲವು ಸೆಕೆಂಡ್ ನಂತರ ಮತ್ತೆ ಪ್ರಯತ್ನಿಸಿ.
problem-signed-out = ನೀವು ಸೈನ್ ಔಟ್ ಆಗಿದ್ದೀರಿ. ಮತ್ತೆ ಸೈನ್ ಇನ್ ಮಾಡಿ.
problem-role = ನಿಮ್ಮ ಪಾತ್ರಕ್ಕೆ ಇದಕ್ಕೆ ಅನುಮತಿ ಇಲ್ಲ.
problem-values = ಡೆಸ್ಕ್‌ಗೆ ಇದು ಅರ್ಥವಾಗಲಿಲ್ಲ. ಪುಟವನ್ನು ಮತ್ತೆ ತೆರೆಯಿರಿ.
problem-broker-away = ಏನೂ ಕಳುಹಿಸಿಲ್ಲ: ಡೆಸ್ಕ್‌ಗೆ ಬ್ರೋಕರ್ ಜೊತೆ ಸಂಪರ್ಕವಿಲ್ಲ.
problem-no-desk = ಡೆಸ್ಕ್ ಉತ್ತರಿಸುತ್ತಿಲ್ಲ. ನೆಟ್‌ವರ್ಕ್ ನೋಡಿ, ಮತ್ತೆ ಪ್ರಯತ್ನಿಸಿ.
problem-other-site = ವಿನಂತಿ ಬೇರೆ ಪುಟದಿಂದ ಬಂದಿದೆ, ಸ್ವೀಕರಿಸಿಲ್ಲ.
problem-not-saved = ಉಳಿಸಲಾಗಲಿಲ್ಲ: ಡೆಸ್ಕ್ ಯಂತ್ರದ ಡಿಸ್ಕ್ ನೋಡಿ.
problem-host = ಡೆಸ್ಕ್ ಅನ್ನು ಅದರ ಸ್ವಂತ ವಿಳಾಸದಿಂದ ತೆರೆಯಿರಿ.
problem-nothing-here = ಇಲ್ಲಿ ಏನೂ ಇಲ್ಲ.
problem-too-long = ಇದು ತುಂಬ ಉದ್ದವಾಗಿದೆ: ಏನೂ ಮಾಡಿಲ್ಲ. ಚಿಕ್ಕದು ಮಾಡಿ.
problem-not-json = ಡೆಸ್ಕ್‌ಗೆ ಇದು ಅರ್ಥವಾಗಲಿಲ್ಲ. ಪುಟವನ್ನು ಮತ್ತೆ ತೆರೆಯಿರಿ.
problem-no-command = ಡೆಸ್ಕ್‌ಗೆ ಈ ಆದೇಶ ಗೊತ್ತಿಲ್ಲ. ಪುಟವನ್ನು ಮತ್ತೆ ತೆರೆಯಿರಿ.

seat-offline = ಆಫ್‌ಲೈನ್
seat-ready = ಸಿದ್ಧ
seat-reserved = ಕರೆ ಬರುತ್ತಿದೆ
seat-talking = ಮಾತುಕತೆಯಲ್ಲಿ
seat-wrap-up = ಕರೆ ನಂತರದ ಕೆಲಸ
seat-paused = ವಿರಾಮದಲ್ಲಿ
seat-lost = ಫೋನ್ ಇಲ್ಲ

help-hold = ಹೋಲ್ಡ್‌ನಲ್ಲಿ
help-calling = ಸಹಾಯಕ್ಕೆ ಕರೆ ಹೋಗುತ್ತಿದೆ
help-consult = ಸಮಾಲೋಚನೆ
help-returning = ಮತದಾರರು ಮರಳುತ್ತಿದ್ದಾರೆ
help-merging = ಮತದಾರರು ಸೇರುತ್ತಿದ್ದಾರೆ
help-three-way = ಮೂವರ ಮಾತು
recording-on = ರೆಕಾರ್ಡ್ ಆಗುತ್ತಿದೆ
recording-paused = ರೆಕಾರ್ಡಿಂಗ್ ನಿಂತಿದೆ

pause-break = ವಿರಾಮ
pause-preview-unanswered = ತೋರಿಸಿದ ಕರೆಗೆ ಉತ್ತರವಿಲ್ಲ
pause-meal = ಊಟ
pause-training = ತರಬೇತಿ
pause-meeting = ಸಭೆ
pause-technical = ತಾಂತ್ರಿಕ ತೊಂದರೆ
