### Bengali, as far as buttons and signs go; what is not here is said in English.

language = ভাষা
cancel = থাক
sign-in = সাইন ইন করুন
seat-offline = অফলাইন
seat-ready = প্রস্তুত
seat-reserved = কল আসছে
seat-talking = কথা চলছে
seat-paused = বিরতিতে
pause-break = বিরতি
pause-preview-unanswered = দেখানো কলের উত্তর নেই
pause-meal = খাওয়া
pause-training = প্রশিক্ষণ
pause-meeting = মিটিং
