title = Matdan
language = ভাষা
cancel = বাতিল
sign-in = ছাইন ইন কৰক
sign-out = ছাইন আউট কৰক

problem-wrong = নাম বা পাছৱৰ্ড ভুল।
problem-locked = বহুবাৰ ভুল চেষ্টা হ'ল। { $seconds } ছেকেণ্ড পিছত পুনৰ চেষ্টা কৰক।
problem-busy = এতিয়া বহুতে একেলগে ছাইন ইন কৰি আছে। কেইছেকেণ্ডমান পিছত পুনৰ চেষ্টা কৰক।
problem-signed-out = আপুনি ছাইন আউট হৈছে। পুনৰ ছাইন ইন কৰক।
problem-role = আপোনাৰ ভূমিকাত ইয়াৰ অনুমতি নাই।
problem-values = ছাৰ্ভাৰে অনুৰোধটো লোৱা নাই। পেজটো পুনৰ লোড কৰক।
problem-broker-away = একো পঠোৱা নহ'ল: ব্ৰোকাৰৰ সৈতে ডেস্কৰ সংযোগ নাই। পুনৰ চেষ্টা কৰক।
problem-no-desk = ডেস্কে উত্তৰ দিয়া নাই। নেটৱৰ্ক চাওক, তাৰ পিছত পুনৰ চেষ্টা কৰক।
problem-other-site = অনুৰোধটো লোৱা নহ'ল। সেইটো আন ৱেবছাইটৰ পৰা আহিছিল।
problem-not-saved = ছেভ নহ'ল। ডেস্ক ছাৰ্ভাৰৰ ডিস্ক চাওক।
problem-host = এই ঠিকনাত Matdan পোৱা নাযায়। আপোনাৰ এডমিনে দিয়া ঠিকনা খোলক।
problem-nothing-here = পেজটো পোৱা নগ'ল।
problem-too-long = বৰ দীঘল: একো ছেভ নহ'ল। চুটি কৰি পুনৰ চেষ্টা কৰক।
problem-not-json = ছাৰ্ভাৰে অনুৰোধটো লোৱা নাই। পেজটো পুনৰ লোড কৰক।
problem-no-command = অজ্ঞাত কমাণ্ড। পেজটো পুনৰ লোড কৰক।

seat-offline = অফলাইন
seat-ready = সাজু
seat-reserved = কল আহি আছে
seat-talking = কথা চলি আছে
seat-wrap-up = কলৰ পিছৰ কাম
seat-paused = বিৰতিত
seat-lost = ফোনৰ সংযোগ নাই

help-hold = হোল্ডত
phone-on-hold = ফোনেৰে হোল্ডত ৰখা
help-calling = আন ফোনলৈ কল কৰা হৈছে
help-consult = পৰামৰ্শ
help-returning = ভোটাৰক পুনৰ সংযোগ কৰা হৈছে
help-merging = তিনিওজনক সংযোগ কৰা হৈছে
help-three-way = তিনিজনীয়া কল
recording-on = ৰেকৰ্ড হৈ আছে
recording-paused = ৰেকৰ্ডিং ৰখাই থোৱা আছে

pause-break = বিৰতি
pause-preview-unanswered = প্ৰিভিউৰ উত্তৰ দিয়া নহ'ল
pause-meal = আহাৰ
pause-training = প্ৰশিক্ষণ
pause-meeting = মিটিং
pause-technical = কাৰিকৰী সমস্যা
