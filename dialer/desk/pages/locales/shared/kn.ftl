### Kannada, as far as buttons and signs go; what is not here is said in English.

language = ಭಾಷೆ
cancel = ಬೇಡ
sign-in = ಸೈನ್ ಇನ್ ಮಾಡಿ
seat-offline = ಆಫ್‌ಲೈನ್
seat-ready = ಸಿದ್ಧ
seat-reserved = ಕರೆ ಬರುತ್ತಿದೆ
seat-talking = ಮಾತುಕತೆಯಲ್ಲಿ
seat-paused = ವಿರಾಮದಲ್ಲಿ
pause-break = ವಿರಾಮ
pause-preview-unanswered = ತೋರಿಸಿದ ಕರೆಗೆ ಉತ್ತರವಿಲ್ಲ
pause-meal = ಊಟ
pause-training = ತರಬೇತಿ
pause-meeting = ಸಭೆ
