### Assamese, as far as buttons and signs go; what is not here is said in English.

language = ভাষা
cancel = থাকক
sign-in = চাইন ইন কৰক
seat-offline = অফলাইন
seat-ready = সাজু
seat-reserved = কল আহি আছে
seat-talking = কথা চলি আছে
seat-paused = বিৰতিত
pause-break = বিৰতি
pause-preview-unanswered = দেখুওৱা কলৰ উত্তৰ নাই
pause-meal = আহাৰ
pause-training = প্ৰশিক্ষণ
pause-meeting = বৈঠক
