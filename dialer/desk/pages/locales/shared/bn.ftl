title = Matdan
language = ভাষা
cancel = থাক
sign-in = সাইন ইন করুন
sign-out = সাইন আউট

problem-wrong = নাম বা পাসওয়ার্ড ভুল।
problem-locked = অনেক বার ভুল হয়েছে। { $seconds } সেকেন্ড পরে আবার চেষ্টা করুন।
problem-busy = অনেকে একসঙ্গে সাইন ইন করছেন। কয়েক সেকেন্ড পরে আবার চেষ্টা করুন।
problem-signed-out = আপনি সাইন আউট হয়ে গেছেন। আবার সাইন ইন করুন।
problem-role = আপনার ভূমিকায় এটি করা যায় না।
problem-values = ডেস্ক এটি বুঝতে পারেনি। পাতাটি আবার খুলুন।
problem-broker-away = কিছু পাঠানো হয়নি: ব্রোকারের সঙ্গে ডেস্কের সংযোগ নেই।
problem-no-desk = ডেস্ক সাড়া দিচ্ছে না। নেটওয়ার্ক দেখুন, তারপর আবার চেষ্টা করুন।
problem-other-site = অনুরোধটি অন্য পাতা থেকে এসেছিল, তাই নেওয়া হয়নি।
problem-not-saved = রাখা গেল না: ডেস্কের কম্পিউটারের ডিস্ক দেখুন।
problem-host = ডেস্ককে তার নিজের ঠিকানায় খুলুন।
problem-nothing-here = এখানে কিছু নেই।
problem-too-long = এটি খুব লম্বা: কিছু করা হয়নি। ছোট করুন।
problem-not-json = ডেস্ক এটি বুঝতে পারেনি। পাতাটি আবার খুলুন।
problem-no-command = ডেস্ক এই আদেশ জানে না। পাতাটি আবার খুলুন।

seat-offline = অফলাইন
seat-ready = প্রস্তুত
seat-reserved = কল আসছে
seat-talking = কথা চলছে
seat-wrap-up = কলের পরের কাজ
seat-paused = বিরতিতে
seat-lost = ফোন নেই

help-hold = হোল্ডে
help-calling = সাহায্যের জন্য ফোন করা হচ্ছে
help-consult = পরামর্শ
help-returning = ভোটার ফিরে আসছেন
help-merging = ভোটার যোগ দিচ্ছেন
help-three-way = তিনজনে কথা
recording-on = রেকর্ড হচ্ছে
recording-paused = রেকর্ডিং থেমে আছে

pause-break = বিরতি
pause-preview-unanswered = দেখানো কলের উত্তর নেই
pause-meal = খাওয়া
pause-training = প্রশিক্ষণ
pause-meeting = মিটিং
pause-technical = যান্ত্রিক সমস্যা
