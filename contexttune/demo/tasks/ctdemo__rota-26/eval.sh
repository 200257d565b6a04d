#!/bin/bash
set -uxo pipefail
cd /testbed
git config --global --add safe.directory /testbed
git status
git show
git -c core.fileMode=false diff 885b848af4d015ba87757ac72da157ee8f397741
git checkout 885b848af4d015ba87757ac72da157ee8f397741 tests/test_recur.py
git apply -v - <<'EOF_114329324912'
diff --git a/tests/test_recur.py b/tests/test_recur.py
index fd82f7a096..7dd85603b9 100644
--- a/tests/test_recur.py
+++ b/tests/test_recur.py
@@ -42,6 +42,22 @@ class MonthlyTest(unittest.TestCase):
             [date(2022, 1, 31), date(2022, 2, 28)],
         )
 
+    def test_a_short_month_does_not_move_the_later_dates(self):
+        self.assertEqual(
+            list(Monthly(date(2022, 1, 31)).dates(date(2022, 5, 31))),
+            [date(2022, 1, 31), date(2022, 2, 28), date(2022, 3, 31), date(2022, 4, 30), date(2022, 5, 31)],
+        )
+
+    def test_a_30th_stays_a_30th_after_february(self):
+        self.assertEqual(
+            list(Monthly(date(2022, 1, 30)).dates(date(2022, 4, 1))),
+            [date(2022, 1, 30), date(2022, 2, 28), date(2022, 3, 30)],
+        )
+
+    def test_a_leap_day_every_year(self):
+        rule = Monthly(date(2020, 2, 29), every=12)
+        self.assertEqual(list(rule.dates(date(2024, 12, 31)))[-1], date(2024, 2, 29))
+
     def test_a_28th_stays_a_28th(self):
         rule = Monthly(date(2022, 2, 28))
         self.assertEqual(list(rule.dates(date(2022, 3, 31))), [date(2022, 2, 28), date(2022, 3, 28)])

EOF_114329324912
: '>>>>> Start Test Output'
python3 -m unittest -v tests.test_recur
: '>>>>> End Test Output'
git checkout 885b848af4d015ba87757ac72da157ee8f397741 tests/test_recur.py
