title = Matdan
language = ভাষা
cancel = বাতিল
sign-in = সাইন ইন করুন
sign-out = সাইন আউট করুন

problem-wrong = নাম বা পাসওয়ার্ড ভুল।
problem-locked = অনেক বার ভুল চেষ্টা হয়েছে। { $seconds } সেকেন্ড পরে আবার চেষ্টা করুন।
problem-busy = এখন অনেকে একসঙ্গে সাইন ইন করছেন। কয়েক সেকেন্ড পরে আবার চেষ্টা করুন।
problem-signed-out = আপনি সাইন আউট হয়ে গেছেন। আবার সাইন ইন করুন।
problem-role = আপনার ভূমিকায় এটি করা যায় না।
problem-values = সার্ভার অনুরোধটি নেয়নি। পেজটি আবার লোড করুন।
problem-broker-away = কিছু পাঠানো হয়নি: ব্রোকারের সঙ্গে ডেস্কের সংযোগ নেই। আবার চেষ্টা করুন।
problem-no-desk = ডেস্ক সাড়া দিচ্ছে না। নেটওয়ার্ক দেখুন, তারপর আবার চেষ্টা করুন।
problem-other-site = অনুরোধ নেওয়া হয়নি। সেটি অন্য ওয়েবসাইট থেকে এসেছিল।
problem-not-saved = সেভ হয়নি। ডেস্ক সার্ভারের ডিস্ক দেখুন।
problem-host = এই ঠিকানায় Matdan পাওয়া যায় না। আপনার অ্যাডমিনের দেওয়া ঠিকানা খুলুন।
problem-nothing-here = পেজটি পাওয়া যায়নি।
problem-too-long = বেশি লম্বা: কিছু সেভ হয়নি। ছোট করে আবার চেষ্টা করুন।
problem-not-json = সার্ভার অনুরোধটি নেয়নি। পেজটি আবার লোড করুন।
problem-no-command = অজানা কমান্ড। পেজটি আবার লোড করুন।

seat-offline = অফলাইন
seat-ready = প্রস্তুত
seat-reserved = কল আসছে
seat-talking = কথা চলছে
seat-wrap-up = কলের পরের কাজ
seat-paused = বিরতিতে
seat-lost = ফোনের সংযোগ নেই

help-hold = হোল্ডে
phone-on-hold = ফোন থেকে হোল্ডে রাখা
help-calling = অন্য ফোনে কল করা হচ্ছে
help-consult = পরামর্শ
help-returning = ভোটারকে আবার যুক্ত করা হচ্ছে
help-merging = তিনজনকে যুক্ত করা হচ্ছে
help-three-way = তিনজনের কল
recording-on = রেকর্ড হচ্ছে
recording-paused = রেকর্ডিং থামানো আছে

pause-break = বিরতি
pause-preview-unanswered = প্রিভিউয়ের উত্তর দেওয়া হয়নি
pause-meal = খাওয়া
pause-training = প্রশিক্ষণ
pause-meeting = মিটিং
pause-technical = যান্ত্রিক সমস্যা
